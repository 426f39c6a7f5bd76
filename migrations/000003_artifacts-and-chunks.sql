-- What was made of a record by one model in one version: text after redaction, in passages with their places.
create table artifact (
  tenant text not null,
  artifact_id uuid not null,
  interaction_id uuid not null,
  customer_key text not null,
  kind text not null check (kind in ('message', 'transcript', 'screen_text', 'caption')),
  piece integer not null default 0 check (piece >= 0),
  state text not null check (state in ('active', 'quarantined', 'failed', 'superseded')),
  reason text,
  content jsonb not null default '[]',
  redactions jsonb not null default '{}',
  confidence real not null check (confidence between 0 and 1),
  model text not null,
  model_version text not null,
  parameters jsonb not null default '{}',
  redactor_version text not null,
  code_version text not null,
  model_ms integer not null default 0,
  -- The sealed object that holds the text before redaction, where there is one.
  sealed_object text,
  workflow_id text,
  run_id text,
  created_at timestamptz not null default now(),
  primary key (tenant, artifact_id),
  foreign key (tenant, interaction_id) references interaction on delete cascade
);
create index artifact_by_interaction on artifact (tenant, interaction_id);

-- What is searched. The English configuration stems words and keeps codes and numbers as they are.
create table chunk (
  tenant text not null,
  chunk_id uuid not null,
  artifact_id uuid not null,
  interaction_id uuid not null,
  session_id uuid not null,
  customer_key text not null,
  modality text not null,
  ordinal integer not null check (ordinal >= 0),
  author text,
  text text not null check (text <> ''),
  words tsvector not null generated always as (to_tsvector('english', text)) stored,
  place jsonb not null,
  confidence real not null check (confidence between 0 and 1),
  event_time timestamptz not null,
  chunker_version text not null,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (tenant, chunk_id),
  foreign key (tenant, artifact_id) references artifact on delete cascade
);
create index chunk_words on chunk using gin (words);
create index chunk_by_customer on chunk (tenant, customer_key, event_time);
create index chunk_by_artifact on chunk (tenant, artifact_id);
create index chunk_by_interaction on chunk (tenant, interaction_id);
