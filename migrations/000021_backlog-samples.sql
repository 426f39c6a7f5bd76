-- What waits, measured at regular moments, and how Earshot spares itself when it is too much (docs/backpressure.md).
-- Counts, rates and times alone: nothing here names a customer or a record.

-- What Temporal says of its task queues, which all tenants share. Local activities never stand in a task queue.
create table queue_sample (
  sampled_at timestamptz not null,
  queue text not null,
  kind text not null check (kind in ('workflow', 'activity')),
  -- Of tasks with this priority key alone; 0: of all.
  priority_key smallint not null default 0,
  backlog bigint not null,
  oldest_ms double precision not null,
  -- Averages of the last 30 s.
  added_per_second double precision not null,
  dispatched_per_second double precision not null,
  primary key (sampled_at, queue, kind, priority_key)
);

-- Records that are not reachable yet, from their rows.
create table backlog_sample (
  tenant text not null references tenant,
  sampled_at timestamptz not null,
  modality text not null check (modality in ('chat', 'audio', 'screenshot')),
  waiting integer not null,
  -- Of these: their channel held them for long, so that they have no budget and count in nothing of what follows but
  -- the three stages.
  late integer not null,
  -- Of these: nobody has taken them; they are being recognised; their text is there and they are not reachable yet.
  accepted integer not null,
  recognising integer not null,
  indexing integer not null,
  -- Of those in time: so old that they are stuck and no load; of the others, older than their budget.
  stuck integer not null,
  overdue integer not null,
  oldest_ms double precision,
  -- Accepted, and gone from the backlog, since the sample before; null in the first one and after a gap.
  arrived integer,
  completed integer,
  since_ms double precision,
  -- Medians of records that became reachable lately, from acceptance; null when none did.
  typical_pick_up_ms double precision,
  typical_text_ms double precision,
  typical_total_ms double precision,
  -- The forecast (src/domain/forecast.ts).
  budget_ms double precision not null,
  arrived_per_second double precision,
  completed_per_second double precision,
  growth_per_second double precision not null,
  expected_lag_ms double precision,
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
