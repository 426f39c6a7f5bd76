-- What is needed to say why a record is not known, and to run one again that failed.

-- The error of a failed piece in words, safe to show: what the endpoint answered, never what was sent to it.
alter table artifact
  add column detail text,
  add column failed_at timestamptz;

alter table freshness
  -- How often an operator has had it run again.
  add column attempts integer not null default 0,
  add column first_failed_at timestamptz,
  add column last_failed_at timestamptz,
  -- At which length its recording was cut, so that running it again cuts it at the same places.
  add column piece_target_ms integer;

-- The migrator owns the tables and is bound by their policies, which show it no tenant.
alter table artifact no force row level security;
alter table freshness no force row level security;
update artifact set failed_at = created_at where state = 'failed';
update freshness f set first_failed_at = failed.first, last_failed_at = failed.last
from (
  select tenant, interaction_id, min(failed_at) as first, max(failed_at) as last
  from artifact
  where state = 'failed'
  group by tenant, interaction_id
) as failed
where f.tenant = failed.tenant and f.interaction_id = failed.interaction_id;
alter table artifact force row level security;
alter table freshness force row level security;

create index freshness_failed on freshness (tenant, last_failed_at, interaction_id) where last_failed_at is not null;
