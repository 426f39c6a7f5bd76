-- Chats of which nothing but history waits are looked after by one run for many of them
-- (docs/decisions/0012-lane-of-history.md). Means nothing while the session sleeps; the record that wakes it says.
alter table session add column in_lane boolean not null default false;

-- What the lane takes next, and what of either kind nobody has rung for in time.
drop index session_to_ring;
create index session_to_ring on session (tenant, in_lane, ring_after) where awake_since is not null;
