-- What each query got back. The words of a query about one customer are sealed under that customer's key;
-- those of other queries are not kept.
create table retrieval (
  tenant text not null references tenant,
  retrieval_id uuid not null,
  customer_key text,
  sealed_query bytea,
  mode text not null,
  filters jsonb not null,
  index_version integer,
  degraded text[] not null default '{}',
  took_ms real not null,
  asked_at timestamptz not null default now(),
  primary key (tenant, retrieval_id)
);
create index retrieval_by_customer on retrieval (tenant, customer_key, asked_at);

create table retrieval_hit (
  tenant text not null,
  retrieval_id uuid not null,
  position integer not null,
  chunk_id uuid not null,
  score real not null,
  text_rank integer,
  vector_rank integer,
  reachable_at timestamptz,
  primary key (tenant, retrieval_id, position),
  foreign key (tenant, retrieval_id) references retrieval on delete cascade
);
create index retrieval_hit_by_chunk on retrieval_hit (tenant, chunk_id);
