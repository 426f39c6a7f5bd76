-- Quotas of single tenants, where they differ from the dials (src/domain/dials/steps.ts). Each change is a change of the
-- dial for that tenant; without a new value the dial holds again.
create table tenant_quota (
  tenant text not null references tenant,
  name text not null,
  value double precision not null,
  changed_at timestamptz not null default now(),
  primary key (tenant, name)
);
alter table dial_change add column tenant text references tenant;
alter table dial_change alter column new_value drop not null;

-- A tenant reads its own; connections of the deployment, whose tenant is empty, read and write those of all.
alter table tenant_quota enable row level security;
alter table tenant_quota force row level security;
create policy own_tenant on tenant_quota for select using (tenant = current_setting('earshot.tenant', true));
create policy deployment on tenant_quota using (current_setting('earshot.tenant', true) = '');

-- Who changed what for whom is the deployment's alone.
alter table dial_change enable row level security;
alter table dial_change force row level security;
create policy deployment on dial_change using (current_setting('earshot.tenant', true) = '');

grant select, insert, update, delete on tenant_quota to earshot_app;
grant select on tenant_quota to earshot_reader;
