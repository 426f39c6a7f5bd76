-- A generation of vectors: one model, one number of dimensions. Belongs to the deployment, not to a tenant.
create table index_version (
  index_version integer generated always as identity primary key,
  model text not null,
  dimensions integer not null check (dimensions between 2 and 2000),
  state text not null check (state in ('building', 'live', 'retired')),
  created_at timestamptz not null default now()
);
-- At most one version answers queries.
create unique index index_version_live on index_version (state) where state = 'live';

-- Each version has a partition of its own with its own HNSW index, made when the version is (src/db/index-versions.ts).
create table embedding (
  index_version integer not null references index_version,
  tenant text not null,
  chunk_id uuid not null,
  customer_key text not null,
  embedding vector not null,
  model_version text not null,
  embedded_at timestamptz not null,
  committed_at timestamptz not null,
  reachable_at timestamptz,
  -- A zero vector is stored by pgvector but never enters a cosine index: it would be present and unreachable.
  constraint embedding_not_zero check (vector_norm(embedding) > 0),
  primary key (index_version, tenant, chunk_id),
  foreign key (tenant, chunk_id) references chunk on delete cascade
) partition by list (index_version);
create index embedding_by_customer on embedding (tenant, customer_key);
create index embedding_by_chunk on embedding (tenant, chunk_id);
