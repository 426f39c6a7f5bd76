-- Index versions that are built beside the live one, measured, switched to, gone back from and dropped.

alter table index_version drop constraint index_version_dimensions_check;
alter table index_version
  add constraint index_version_dimensions_check check (dimensions between 2 and 4000),
  -- How the HNSW index keeps vectors: halfvec takes half the room, and up to 4,000 dimensions instead of 2,000.
  add column storage text not null default 'vector' check (storage in ('vector', 'halfvec')),
  add constraint index_version_storage_dimensions_check check (storage = 'halfvec' or dimensions <= 2000),
  add column source text not null default 'text' check (source in ('text', 'raw')),
  add column asr_model text,
  add column vision_model text,
  add column asked_by text,
  -- When the partition was there, when the index was, when the version was dropped and when its partition was seen to
  -- be gone. The state says what a version is for, these what exists of it.
  add column prepared_at timestamptz,
  add column indexed_at timestamptz,
  add column dropped_at timestamptz,
  add column removed_at timestamptz,
  -- When the HNSW index was last built anew.
  add column rebuilt_at timestamptz,
  -- Until when a retired version can be gone back to.
  add column drop_after timestamptz,
  -- Remakings of artifacts that come before the embedding, as [{"tenant", "replayId"}].
  add column replays jsonb not null default '[]',
  -- What the request gave up: ids and counts.
  add column given_up jsonb,
  -- Counts and times of the run; figures of the last measurement, and of the last rebuild.
  add column progress jsonb not null default '{}',
  add column evidence jsonb,
  add column rebuild jsonb,
  -- When the sweep makes sure that the workflow runs.
  add column start_after timestamptz not null default now();
update index_version set prepared_at = created_at, indexed_at = created_at;
grant insert, update on index_version to earshot_app;
grant insert, update on index_version_period to earshot_app;

-- Texts that a version could not be made of: the model refused them, each on its own.
create table embedding_failure (
  tenant text not null,
  index_version integer not null references index_version,
  chunk_id uuid not null,
  interaction_id uuid not null,
  customer_key text not null,
  -- An error code of src/domain/errors.ts.
  code text not null,
  failed_at timestamptz not null default now(),
  primary key (tenant, index_version, chunk_id),
  foreign key (tenant, chunk_id) references chunk on delete cascade
);
create index embedding_failure_by_chunk on embedding_failure (tenant, chunk_id);
create index embedding_failure_by_interaction on embedding_failure (tenant, interaction_id);
create index embedding_failure_by_customer on embedding_failure (tenant, customer_key);
alter table embedding_failure enable row level security;
alter table embedding_failure force row level security;
create policy own_tenant on embedding_failure using (tenant = current_setting('earshot.tenant', true));
grant select, insert, update, delete on embedding_failure to earshot_app;
grant select on embedding_failure to earshot_reader;

-- Texts that belong to one version are found when it goes live for good or is given up.
create index chunk_shown_in on chunk (tenant, shown_in) where shown_in is not null;
create index chunk_hidden_in on chunk (tenant, hidden_in) where hidden_in is not null;
