-- The ledger of erasures. A row is written before anything is destroyed and outlives what it destroyed; it names the
-- customer by keyed hash alone. Copies of open and finished rows lie in the raw store (src/erasure/ledger.ts), so that
-- a database restored from an older dump can be brought to the same state again.
create table erasure (
  tenant text not null references tenant,
  erasure_id uuid not null,
  -- Null for a retention run, which erases by age.
  customer_key text check (customer_key ~ '^[0-9a-f]{32}$'),
  scope text not null check (scope in ('customer', 'retention')),
  -- Scheduled: may be cancelled. Running: the fence is up. Refused: a legal hold stood against it.
  state text not null check (state in ('scheduled', 'running', 'completed', 'cancelled', 'refused')),
  -- Sealed by the master key: an operator's words may name somebody.
  sealed_reason bytea,
  requested_at timestamptz not null default now(),
  -- When the grace period ends.
  erase_after timestamptz not null,
  due_at timestamptz not null,
  -- The watermark on capture time, and the last generation of the data key that is destroyed; null before the fence.
  erased_before timestamptz,
  destroyed_generation integer,
  step text not null default 'scheduled',
  -- Counts by store before and after, ids to look for again, exceptions: never text.
  report jsonb not null default '{}',
  completed_at timestamptz,
  -- When the sweep makes sure that the workflow runs.
  start_after timestamptz not null,
  primary key (tenant, erasure_id),
  check ((scope = 'customer') = (customer_key is not null)),
  check (state not in ('running', 'completed') or scope = 'retention' or erased_before is not null)
);
-- A second request finds the first.
create unique index erasure_open on erasure (tenant, customer_key) where state in ('scheduled', 'running');
create index erasure_by_customer on erasure (tenant, customer_key, requested_at);
create index erasure_to_start on erasure (tenant, start_after) where state in ('scheduled', 'running');

-- That a record existed, never what it was. Its id is a keyed hash of the channel's own; the same record sent again is
-- refused for ever, whatever time it then claims to be of.
create table tombstone (
  tenant text not null,
  interaction_id uuid not null,
  erasure_id uuid not null,
  modality text not null,
  artifacts integer not null,
  chunks integer not null,
  embeddings integer not null,
  erased_at timestamptz not null default now(),
  primary key (tenant, interaction_id),
  foreign key (tenant, erasure_id) references erasure
);
create index tombstone_by_erasure on tombstone (tenant, erasure_id, interaction_id);

-- Signed statements of what an erasure did, each bound to the one before it. The body is kept as the text that was signed.
create table erasure_certificate (
  tenant text not null,
  sequence integer not null check (sequence > 0),
  erasure_id uuid not null,
  certificate text not null,
  hash text not null,
  issued_at timestamptz not null default now(),
  primary key (tenant, sequence),
  foreign key (tenant, erasure_id) references erasure
);
create index erasure_certificate_by_erasure on erasure_certificate (tenant, erasure_id, sequence);

-- A customer whose data must be kept, for a lawsuit for example. The reason is sealed under the customer's own data
-- key: an erasure after the hold makes it unreadable too.
create table legal_hold (
  tenant text not null,
  hold_id uuid not null,
  customer_key text not null,
  sealed_reason bytea not null,
  placed_by text not null,
  placed_at timestamptz not null default now(),
  review_at timestamptz,
  released_at timestamptz,
  primary key (tenant, hold_id),
  foreign key (tenant, customer_key) references subject
);
create unique index legal_hold_active on legal_hold (tenant, customer_key) where released_at is null;
create index legal_hold_by_customer on legal_hold (tenant, customer_key);

do $$
declare
  name text;
begin
  foreach name in array array['erasure', 'tombstone', 'erasure_certificate', 'legal_hold'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
  end loop;
end
$$;
-- No process may take back a tombstone or a certificate.
grant select, insert, update on erasure to earshot_app;
grant select, insert on tombstone, erasure_certificate to earshot_app;
grant select, insert, update, delete on legal_hold to earshot_app;
grant select on erasure, tombstone, erasure_certificate, legal_hold to earshot_reader;

-- An answer that is recorded while its hits are erased must not keep them.
delete from retrieval_hit h
where not exists (select from chunk c where c.tenant = h.tenant and c.chunk_id = h.chunk_id);
alter table retrieval_hit
  add foreign key (tenant, chunk_id) references chunk on delete cascade;

-- Who is looked for when a customer or a record is erased.
create index interaction_by_generation on interaction (tenant, customer_key, key_generation);
create index session_by_customer on session (tenant, customer_key);
-- What is too old.
create index interaction_by_age on interaction (tenant, modality, captured_at);
create index retrieval_by_age on retrieval (tenant, asked_at);

-- Statistics would keep words of erased customers until the next analyze, and their old rows for longer. None of these
-- columns is filtered by value, but for "words", whose selectivity is then taken as a constant.
alter table chunk alter column text set statistics 0, alter column words set statistics 0;
alter table artifact alter column content set statistics 0;
alter table embedding alter column embedding set statistics 0;
do $$
declare
  partition regclass;
begin
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'embedding'::regclass loop
    execute format('alter table %s alter column embedding set statistics 0', partition);
  end loop;
end
$$;
