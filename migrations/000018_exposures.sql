-- Recorded answers whose text showed what a better redactor hides. Noted when the text is replaced, because what showed
-- it does not stay. Which passage it is now is said by the hit.
create table exposure (
  tenant text not null,
  retrieval_id uuid not null,
  position integer not null,
  interaction_id uuid not null,
  customer_key text not null,
  -- How many values of each type are hidden now and were not. Never a value.
  hidden jsonb not null,
  shown_by text not null,
  hidden_by text not null,
  noted_at timestamptz not null default now(),
  primary key (tenant, retrieval_id, position, hidden_by),
  foreign key (tenant, retrieval_id, position) references retrieval_hit on delete cascade,
  foreign key (tenant, interaction_id) references interaction on delete cascade
);
create index exposure_by_interaction on exposure (tenant, interaction_id);
create index exposure_by_customer on exposure (tenant, customer_key);
alter table exposure enable row level security;
alter table exposure force row level security;
create policy own_tenant on exposure using (tenant = current_setting('earshot.tenant', true));
grant select, insert, update, delete on exposure to earshot_app;
grant select on exposure to earshot_reader;
