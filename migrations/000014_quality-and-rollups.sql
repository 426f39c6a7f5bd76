-- What is held back and what an operator decides of it, alarms of odd distributions, and counts by hour that late
-- records revise.

alter table interaction
  -- Keyed by the customer too, so that the same content of two customers cannot be told to be the same. Null for what
  -- people say again and again, such as "ok".
  add column content_hash text,
  -- The place of a message in its conversation as the channel counts it.
  add column sequence integer check (sequence >= 0);
create index interaction_by_content on interaction (tenant, customer_key, content_hash, captured_at)
  where content_hash is not null;

-- When it was let go from quarantine: how long it lay there says nothing of freshness.
alter table freshness add column released_at timestamptz;

-- What waits for an operator, and what was put aside.
create index artifact_held_back on artifact (tenant, state, created_at, artifact_id)
  where state in ('quarantined', 'discarded');
-- What the rates of the checks are counted over. Messages are no recognition.
create index artifact_by_time on artifact (tenant, created_at) where kind <> 'message';

-- One operator's word on one artifact; it stands. A row is written before anything is done, so that the sweep finds it
-- when nobody starts its workflow.
create table quarantine_decision (
  tenant text not null,
  artifact_id uuid not null,
  interaction_id uuid not null,
  customer_key text not null,
  decision text not null check (decision in ('release', 'discard')),
  -- Why it had been held back, and with what confidence.
  reason text,
  confidence real not null,
  decided_by text not null,
  decided_at timestamptz not null default now(),
  -- Null until all that follows from it is done.
  applied_at timestamptz,
  start_after timestamptz not null,
  primary key (tenant, artifact_id),
  foreign key (tenant, artifact_id) references artifact on delete cascade
);
create index quarantine_decision_by_interaction on quarantine_decision (tenant, interaction_id);
create index quarantine_decision_by_time on quarantine_decision (tenant, decision, decided_at, artifact_id);
create index quarantine_decision_open on quarantine_decision (tenant, start_after) where applied_at is null;

-- A look at the past with the thresholds of today. It names nobody.
create table quality_reevaluation (
  tenant text not null references tenant,
  reevaluation_id uuid not null,
  modality text check (modality in ('audio', 'screenshot')),
  -- The dials that it judges by, as they were when it began.
  thresholds jsonb not null,
  started_by text not null,
  started_at timestamptz not null default now(),
  checked integer not null default 0,
  released integer not null default 0,
  held_back integer not null default 0,
  finished_at timestamptz,
  primary key (tenant, reevaluation_id)
);
create unique index quality_reevaluation_open on quality_reevaluation (tenant) where finished_at is null;

-- A check that holds back far more, or far less sure, than it used to.
create table quality_alarm (
  tenant text not null references tenant,
  kind text not null,
  check_name text not null,
  raised_at timestamptz not null default now(),
  -- As of the last look: recognitions within the window, the share that failed, and the share before it.
  recognitions integer not null,
  share real not null,
  baseline_share real not null,
  seen_at timestamptz not null default now(),
  cleared_at timestamptz,
  primary key (tenant, kind, check_name, raised_at)
);
create unique index quality_alarm_open on quality_alarm (tenant, kind, check_name) where cleared_at is null;

-- Counts of one hour of event time. They name nobody, and outlive what they counted.
create table rollup_hour (
  tenant text not null references tenant,
  modality text not null check (modality in ('chat', 'audio', 'screenshot')),
  hour timestamptz not null check (date_trunc('hour', hour, 'UTC') = hour),
  counts jsonb not null default '{}',
  -- Raised by each computation that changed a count.
  revision integer not null default 0,
  computed_at timestamptz,
  closed_at timestamptz,
  -- Found by the first look at the log of a tenant: counted whole, however old.
  initial boolean not null default false,
  -- Something of this hour came or changed since it was computed.
  dirtied_at timestamptz,
  primary key (tenant, modality, hour)
);
create index rollup_hour_to_compute on rollup_hour (tenant, hour) where dirtied_at is not null or closed_at is null;

-- What a window lacks because it came after the window could be opened again.
create table rollup_correction (
  tenant text not null,
  modality text not null,
  hour timestamptz not null,
  correction integer not null check (correction > 0),
  delta jsonb not null,
  why text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, modality, hour, correction),
  foreign key (tenant, modality, hour) references rollup_hour on delete cascade
);

-- Up to when the log was looked at for hours that something arrived for.
create table rollup_mark (
  tenant text primary key references tenant,
  accepted_until timestamptz not null
);

do $$
declare
  name text;
begin
  foreach name in array array[
    'quarantine_decision', 'quality_reevaluation', 'quality_alarm', 'rollup_hour', 'rollup_correction', 'rollup_mark'
  ] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
    execute format('grant select, insert, update, delete on %I to earshot_app', name);
    execute format('grant select on %I to earshot_reader', name);
  end loop;
end
$$;
