-- What waits, measured at regular moments, and how Earshot spares itself when it is too much (docs/backpressure.md).
-- Counts, rates and times alone: nothing here names a customer or a record.

-- What Temporal says of its task queues, which all tenants share. Local activities never stand in a task queue.
create table queue_sample (
  sampled_at timestamptz not null,
  queue text not null,
  kind text not null check (kind in ('workflow', 'activity')),
  backlog bigint not null,
  oldest_ms double precision not null,
  added_per_second double precision not null,
  dispatched_per_second double precision not null,
  primary key (sampled_at, queue, kind)
);

-- Records that are not reachable yet, from their rows.
create table backlog_sample (
  tenant text not null references tenant,
  sampled_at timestamptz not null,
  modality text not null check (modality in ('chat', 'audio', 'screenshot')),
  waiting integer not null,
  -- Of these: nobody has taken them; being recognised; text is there, not yet reachable. The rest of `waiting` is none.
  accepted integer not null,
  recognising integer not null,
  indexing integer not null,
  -- Of these: older than their budget; and so much older that they are no load but stuck.
  overdue integer not null,
  stuck integer not null,
  oldest_ms double precision,
  -- Since the sample before, and how long ago that was; null in the first sample and after a gap.
  arrived integer,
  completed integer,
  since_ms double precision,
  -- What typically passes from acceptance to each stage's end, of records that became reachable lately.
  typical_pick_up_ms double precision,
  typical_text_ms double precision,
  typical_total_ms double precision,
  -- The forecast.
  expected_lag_ms double precision,
  growth_per_second double precision,
  completed_per_second double precision,
  budget_ms double precision not null,
  minutes_to_breach double precision,
  primary key (tenant, sampled_at, modality)
);
alter table backlog_sample enable row level security;
alter table backlog_sample force row level security;
create policy own_tenant on backlog_sample using (tenant = current_setting('earshot.tenant', true));

-- The step that is taken (src/domain/pressure.ts): one row. Who samples has to take `sampled_at` first, so that of any
-- number of processes one does.
create table pressure (
  only_row boolean primary key default true check (only_row),
  sampled_at timestamptz not null default '-infinity',
  -- When the step was last decided on; who reads it leaves an old one aside.
  decided_at timestamptz not null default '-infinity',
  step text not null default 'none',
  since timestamptz not null default now(),
  cause_tenant text,
  cause_modality text,
  cause_minutes double precision,
  calm_since timestamptz
);
insert into pressure default values;

-- Each change of the step, and the forecast that made it.
create table pressure_change (
  changed_at timestamptz not null,
  from_step text not null,
  to_step text not null,
  cause_tenant text,
  cause_modality text,
  cause_minutes double precision,
  primary key (changed_at, to_step)
);

grant select, insert, delete on queue_sample, backlog_sample, pressure_change to earshot_app;
grant select, update on pressure to earshot_app;
grant select on queue_sample, backlog_sample, pressure, pressure_change to earshot_reader;
