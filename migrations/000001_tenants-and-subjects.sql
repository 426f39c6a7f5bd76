-- The roles that processes assume. They own nothing and are no superusers, so row-level security binds them.
do $$
begin
  create role earshot_app nologin;
exception when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
  create role earshot_reader nologin;
exception when duplicate_object or unique_violation then null;
end
$$;

-- A creator that is no superuser may assume the roles only after granting them to itself.
do $$
begin
  grant earshot_app, earshot_reader to current_user;
exception when insufficient_privilege then null;
end
$$;

create extension if not exists vector;

create table tenant (
  tenant text primary key check (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  created_at timestamptz not null default now()
);
insert into tenant (tenant) values ('default');

-- One row per customer: the row that every sink locks "for share" and the eraser "for update".
-- erased_before and key_generation live here, and not in tables of their own, because a row that was waited for is
-- read again in its newest version, while other tables are still seen through the statement's older snapshot.
create table subject (
  tenant text not null references tenant,
  customer_key text not null check (customer_key ~ '^[0-9a-f]{32}$'),
  key_generation integer not null default 1,
  erased_before timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant, customer_key)
);

-- Data keys, wrapped by the master key. Destroying a row makes all that was sealed under it unreadable.
create table data_key (
  tenant text not null,
  customer_key text not null,
  generation integer not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, customer_key, generation),
  foreign key (tenant, customer_key) references subject
);
