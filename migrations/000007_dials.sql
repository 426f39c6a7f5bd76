-- Tuned constants that were moved from their defaults (src/domain/dials.ts), and each change ever made.
create table dial (
  name text primary key,
  value double precision not null,
  changed_at timestamptz not null default now()
);
create table dial_change (
  change_id bigint generated always as identity primary key,
  name text not null,
  old_value double precision,
  new_value double precision not null,
  changed_by text not null,
  changed_at timestamptz not null default now()
);
