-- What was planted to be looked for: one row per canary and modality, kept after the canary itself is cleaned up. It
-- names no record: canaries belong to reserved customers (src/domain/canary.ts), by whom they are found again.
create table canary (
  tenant text not null references tenant,
  canary_id uuid not null,
  modality text not null check (modality in ('chat', 'audio', 'screenshot')),
  planted_at timestamptz not null,
  accepted_at timestamptz,
  -- Its text is in the database.
  present_at timestamptz,
  -- The public retrieval endpoint returned it by its words, by its vector, and within its customer.
  text_reachable_at timestamptz,
  vector_reachable_at timestamptz,
  reachable_at timestamptz,
  -- When it was found or given up; null while it is looked for.
  ended_at timestamptz,
  -- Why it was given up (src/domain/canary.ts); null for a healthy one.
  code text,
  cleaned_at timestamptz,
  primary key (tenant, canary_id, modality)
);
create index canary_by_age on canary (tenant, modality, planted_at);

-- A fault of the memory that somebody has to know of, from the first look that saw it to the first that did not.
create table quality_violation (
  tenant text not null references tenant,
  violation_id uuid not null default gen_random_uuid(),
  check_name text not null,
  -- Empty for a fault that concerns all.
  modality text not null default '',
  code text not null,
  severity text not null check (severity in ('yellow', 'red')),
  -- How many rows, records or canaries the last look found.
  affected bigint not null default 1,
  times_seen integer not null default 1,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  resolved_at timestamptz,
  primary key (tenant, violation_id)
);
create unique index quality_violation_open on quality_violation (tenant, check_name, modality, code)
  where resolved_at is null;
create index quality_violation_by_age on quality_violation (tenant, first_seen_at);

-- A comparison of all stores with each other, and what it did. The report holds counts and codes, never text.
create table reconciliation (
  tenant text not null references tenant,
  reconciliation_id uuid not null,
  scope text not null check (scope in ('recent', 'all')),
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  report jsonb not null default '{}',
  primary key (tenant, reconciliation_id)
);
create index reconciliation_by_age on reconciliation (tenant, started_at);

do $$
declare
  name text;
begin
  foreach name in array array['canary', 'quality_violation', 'reconciliation'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
  end loop;
end
$$;
grant select, insert, update, delete on canary, quality_violation, reconciliation to earshot_app;
grant select on canary, quality_violation, reconciliation to earshot_reader;
