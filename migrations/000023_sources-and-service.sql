-- A source is a kind of model that records are made of. It belongs to the deployment, as its endpoint does. One that
-- fails again and again is paused, and stays so whatever is started anew, until somebody resumes it.
create table model_source (
  source text primary key check (source in ('embedding', 'speech', 'vision')),
  state text not null default 'running' check (state in ('running', 'paused')),
  -- Of a pause: who thought of it.
  cause text check (cause in ('failures', 'operator')),
  -- Name of an API key, or of what of Earshot did it.
  changed_by text,
  changed_at timestamptz not null default now(),
  -- In a row over all workers, of the endpoint and not of what it was asked: a good answer ends the row.
  failures integer not null default 0,
  first_failed_at timestamptz,
  last_failed_at timestamptz,
  -- In Earshot's own words, which quote nobody.
  last_error text,
  -- When it was last asked by itself, with material of canaries.
  probed_at timestamptz,
  check ((state = 'paused') = (cause is not null))
);
insert into model_source (source) values ('embedding'), ('speech'), ('vision');

-- Each pause and resumption ever made.
create table model_source_change (
  change_id bigint generated always as identity primary key,
  source text not null references model_source,
  state text not null,
  cause text,
  failures integer not null,
  changed_by text not null,
  changed_at timestamptz not null default now()
);

-- From when on the next request may be sent to a kind of model, by whichever process: the theoretical arrival time of
-- the generic cell rate algorithm. Kept apart because it may change with every request.
create table model_slot (
  source text primary key references model_source,
  free_at timestamptz not null default '-infinity'
) with (fillfactor = 10);
insert into model_slot (source) select source from model_source;

grant select, update on model_source, model_slot to earshot_app;
grant select, insert on model_source_change to earshot_app;
grant select on model_source, model_source_change to earshot_reader;

-- The paused source that a record waits for; null when it waits for none. Nothing of it runs meanwhile.
alter table freshness add column waits_for text;
create index freshness_parked on freshness (tenant, waits_for, accepted_at) where waits_for is not null;
-- What is to be done now: it is counted every few seconds, however many wait for a source.
create index freshness_waiting on freshness (tenant, accepted_at)
  where state in ('accepted', 'processing') and waits_for is null;
-- When it first waited for one; null if it never did. What has waited has no budget, and counts in no forecast.
alter table freshness add column parked_at timestamptz;
create index freshness_parked_since on freshness (tenant, parked_at) where parked_at is not null;

-- How requests were answered, by minute and by the process that answered them. Each process writes its own rows whole,
-- so that writing twice changes nothing. A row of `alive` says that a process was there, whether anybody asked or not.
create table service_minute (
  tenant text not null references tenant,
  minute timestamptz not null,
  process_id uuid not null,
  kind text not null check (kind in ('alive', 'retrieval', 'acceptance', 'other')),
  requests integer not null,
  -- Answered with 5xx.
  failed integer not null,
  -- How many took how long, by the bounds in src/domain/service.ts.
  took integer[] not null,
  primary key (tenant, minute, process_id, kind)
);
alter table service_minute enable row level security;
alter table service_minute force row level security;
create policy own_tenant on service_minute using (tenant = current_setting('earshot.tenant', true));
grant select, insert, update, delete on service_minute to earshot_app;
grant select on service_minute to earshot_reader;

-- Since when each modality is over its budget, and whether its live records are refused (src/domain/overload-lasts.ts).
alter table pressure add column overloads jsonb not null default '{}';
