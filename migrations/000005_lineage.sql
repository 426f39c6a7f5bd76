-- Edges point from what was used to what was made of it: raw record -> artifact -> chunk -> embedding.
-- Nodes are named by their derived ids, so an edge written twice is one edge.
create table lineage_edge (
  tenant text not null,
  from_id uuid not null,
  to_id uuid not null,
  from_kind text not null check (from_kind in ('raw', 'artifact', 'chunk')),
  to_kind text not null check (to_kind in ('artifact', 'chunk', 'embedding')),
  interaction_id uuid not null,
  customer_key text not null,
  activity text not null,
  model text,
  model_version text,
  parameters jsonb not null default '{}',
  code_version text not null,
  workflow_id text,
  run_id text,
  created_at timestamptz not null default now(),
  primary key (tenant, to_id, from_id),
  foreign key (tenant, interaction_id) references interaction on delete cascade
);
create index lineage_edge_from on lineage_edge (tenant, from_id);
create index lineage_edge_by_interaction on lineage_edge (tenant, interaction_id);
