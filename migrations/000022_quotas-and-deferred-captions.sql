-- What tenants have handed over, minute by minute, as far as the API processes have told each other (docs/backpressure.md).
-- Counts alone; rows live for minutes.
create table quota_use (
  tenant text not null references tenant,
  quota text not null,
  -- Minutes since the epoch.
  minute bigint not null,
  used bigint not null,
  primary key (tenant, quota, minute)
);
alter table quota_use enable row level security;
alter table quota_use force row level security;
create policy own_tenant on quota_use using (tenant = current_setting('earshot.tenant', true));
grant select, insert, update, delete on quota_use to earshot_app;
grant select on quota_use to earshot_reader;

-- Captions that gave way to text under pressure, in the order in which they are made later. Small: empty in calm times.
create index artifact_deferred on artifact (tenant, failed_at) where state = 'failed' and reason = 'caption_deferred';
