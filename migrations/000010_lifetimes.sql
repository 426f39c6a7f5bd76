-- When each text could be found and by which vectors, so that derived data can be made anew beside what is served.

-- 'staged': made anew and not served yet. 'superseded': served once. 'discarded': held back for good by an operator.
alter table artifact drop constraint artifact_state_check;
alter table artifact add constraint artifact_state_check
  check (state in ('staged', 'active', 'quarantined', 'failed', 'superseded', 'discarded'));

-- A chunk is served while it is active: from `activated_at` (null: never yet) to `withdrawn_at` (null: still).
alter table chunk
  add column activated_at timestamptz,
  add column withdrawn_at timestamptz,
  -- Texts that were recognised anew for an index version change with it, at once and back again: what is `shown_in` a
  -- version is served by it alone, what is `hidden_in` one by all others. Both are null otherwise, and again once the
  -- version before it is dropped.
  add column shown_in integer references index_version,
  add column hidden_in integer references index_version;
update chunk set activated_at = created_at where active;
alter table chunk alter column activated_at set default now();

create or replace view tenant_chunk as
  select * from chunk where tenant = current_setting('earshot.tenant', true);

-- A version is built beside the live one, goes live by one switch, stays to go back to, and is dropped.
alter table index_version drop constraint index_version_state_check;
alter table index_version add constraint index_version_state_check
  check (state in ('building', 'live', 'retired', 'dropped'));
-- At most two versions exist at a time: the live one, and one to go to or back to.
create unique index index_version_beside_live on index_version ((true)) where state in ('building', 'retired');

-- From when to when a version answered queries.
create table index_version_period (
  index_version integer not null references index_version,
  live_from timestamptz not null default now(),
  live_to timestamptz,
  primary key (index_version, live_from)
);
insert into index_version_period (index_version, live_from)
select index_version, created_at from index_version where state = 'live';
grant select on index_version_period to earshot_app, earshot_reader;
