-- Derived data made anew: what logic made each artifact, and the runs that replace what older logic made.

-- Logic is model, prompt, settings (within `parameters`), redactor and chunker. A superseded artifact says since when.
alter table artifact
  add column prompt_version text not null default 'none',
  add column chunker_version text not null default 'none',
  add column superseded_at timestamptz;

-- Until now there was one version of each prompt and of the chunker. The policy binds the owner too, unless lifted.
alter table artifact no force row level security;
update artifact set
  chunker_version = 'passages-1',
  prompt_version = case kind when 'screen_text' then 'df3281d8fe3b' when 'caption' then '92e3b5124d23' else 'none' end
where model <> 'none';
alter table artifact force row level security;
create index artifact_to_drop on artifact (tenant, superseded_at) where state = 'superseded';
create index artifact_staged on artifact (tenant, created_at) where state = 'staged';

-- A walk over all records in the order of their capture.
create index interaction_by_time on interaction (tenant, captured_at, interaction_id);

-- A run that makes derived data anew. Where it stands is here, so that a new run of its workflow goes on from there.
create table replay (
  tenant text not null references tenant,
  replay_id uuid not null,
  state text not null default 'running' check (state in ('running', 'paused', 'completed', 'cancelled')),
  -- Scope. Null and empty mean: all.
  captured_from timestamptz,
  captured_to timestamptz not null,
  customer_key text check (customer_key ~ '^[0-9a-f]{32}$'),
  modalities text[],
  kinds text[],
  only_records text not null check (only_records in ('all', 'stale', 'missing')),
  -- Models to recognise with; null is the one that records are recognised with as they come.
  asr_model text,
  vision_model text,
  -- The index version that alone will serve what is made; null puts it into service at once.
  for_version integer references index_version,
  -- Progress: the last record of the last page that is done, and the outcomes so far.
  cursor_time timestamptz,
  cursor_id uuid,
  records_total bigint,
  seen bigint not null default 0,
  remade bigint not null default 0,
  repaired bigint not null default 0,
  unchanged bigint not null default 0,
  held_back bigint not null default 0,
  failed bigint not null default 0,
  erased bigint not null default 0,
  requested_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (tenant, replay_id),
  check ((cursor_time is null) = (cursor_id is null))
);
create index replay_by_time on replay (tenant, created_at);
create index replay_by_customer on replay (tenant, customer_key);

-- Which parts of which records could not be made anew, and why, as a code: what they had stays in service.
create table replay_failure (
  tenant text not null,
  replay_id uuid not null,
  interaction_id uuid not null,
  kind text not null,
  code text not null,
  failed_at timestamptz not null default now(),
  primary key (tenant, replay_id, interaction_id, kind),
  foreign key (tenant, replay_id) references replay on delete cascade,
  foreign key (tenant, interaction_id) references interaction on delete cascade
);
create index replay_failure_by_interaction on replay_failure (tenant, interaction_id);

do $$
declare
  name text;
begin
  foreach name in array array['replay', 'replay_failure'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
  end loop;
end
$$;
grant select, insert, update, delete on replay, replay_failure to earshot_app;
grant select on replay, replay_failure to earshot_reader;
