-- OpenLineage events that wait to be sent (src/lineage/). They name jobs, tables, models and counts: no customer, no
-- record and nothing that was said.
create table lineage_event (
  tenant text not null references tenant,
  event_id bigint generated always as identity,
  event jsonb not null,
  created_at timestamptz not null default now(),
  -- Until when a process that took it may be sending it.
  claimed_until timestamptz,
  primary key (tenant, event_id)
);
-- Whether somebody is sending is asked before each batch, also while many wait.
create index lineage_event_claimed on lineage_event (tenant, claimed_until) where claimed_until is not null;
alter table lineage_event enable row level security;
alter table lineage_event force row level security;
create policy own_tenant on lineage_event using (tenant = current_setting('earshot.tenant', true));
grant select, insert, update, delete on lineage_event to earshot_app;
grant select on lineage_event to earshot_reader;

-- What a model version touched, and what was made within a time.
create index artifact_by_model on artifact (tenant, model, model_version, created_at);
create index artifact_by_creation on artifact (tenant, created_at);
