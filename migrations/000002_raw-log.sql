-- A conversation, a call or a lone screenshot: what one workflow looks after.
create table session (
  tenant text not null references tenant,
  session_id uuid not null,
  channel text not null check (channel in ('chat', 'call', 'screenshot')),
  customer_key text not null,
  workflow_id text not null,
  -- Raised by every record that arrives. A workflow may go to sleep only if it still has the value it drained at.
  arrivals bigint not null default 1,
  -- Not null: a workflow runs or must be rung. Null: it sleeps, and the next record rings.
  awake_since timestamptz,
  ring_after timestamptz not null,
  rings integer not null default 0,
  ended_at timestamptz,
  expected_segments integer check (expected_segments >= 0),
  primary key (tenant, session_id),
  foreign key (tenant, customer_key) references subject
);
create index session_to_ring on session (tenant, ring_after) where awake_since is not null;

-- The raw log: append-only. What the channel sent is sealed under the customer's data key; nothing here names anyone.
create table interaction (
  tenant text not null,
  interaction_id uuid not null,
  session_id uuid not null,
  customer_key text not null,
  channel text not null check (channel in ('chat', 'call', 'screenshot')),
  modality text not null check (modality in ('chat', 'audio', 'screenshot')),
  segment_index integer check (segment_index >= 0),
  author text check (author in ('customer', 'agent', 'bot')),
  body_hash text not null,
  -- When the sound of a recording or segment begins; it was captured when it ended.
  started_at timestamptz,
  captured_at timestamptz not null,
  accepted_at timestamptz not null,
  key_generation integer not null,
  sealed_payload bytea not null,
  raw_object text,
  raw_bytes bigint check (raw_bytes > 0),
  media_type text not null,
  duration_ms integer check (duration_ms > 0),
  code_version text not null,
  primary key (tenant, interaction_id),
  foreign key (tenant, session_id) references session,
  foreign key (tenant, customer_key) references subject
);
create unique index interaction_segment on interaction (tenant, session_id, segment_index) where segment_index is not null;
create index interaction_by_customer on interaction (tenant, customer_key, captured_at);
create index interaction_by_session on interaction (tenant, session_id);

-- State and moments of each record. Kept apart from the log because it changes, narrowly and often.
create table freshness (
  tenant text not null,
  interaction_id uuid not null,
  session_id uuid not null,
  customer_key text not null,
  modality text not null,
  state text not null default 'accepted'
    check (state in ('accepted', 'processing', 'reachable', 'quarantined', 'failed', 'erased')),
  reason text,
  degraded text[] not null default '{}',
  pieces_total integer not null default 1,
  captured_at timestamptz not null,
  accepted_at timestamptz not null,
  picked_up_at timestamptz,
  text_reachable_at timestamptz,
  transformed_at timestamptz,
  indexed_at timestamptz,
  reachable_at timestamptz,
  primary key (tenant, interaction_id),
  foreign key (tenant, interaction_id) references interaction on delete cascade
) with (fillfactor = 80);
create index freshness_pending on freshness (tenant, customer_key) where state in ('accepted', 'processing');
create index freshness_to_drain on freshness (tenant, session_id, captured_at) where state in ('accepted', 'processing');
create index freshness_by_time on freshness (tenant, accepted_at);
