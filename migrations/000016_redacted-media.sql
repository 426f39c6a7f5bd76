-- Model work that is not done twice, redacted copies of sound and pictures, and who saw what.

-- Chunks of a customer with the same text share a vector. The index holds 8 bytes of a hash, and no statistics of it.
create index chunk_by_text on chunk (tenant, customer_key, hashtextextended(text, 0));
alter index chunk_by_text alter column 3 set statistics 0;
-- Under a policy no index serves an expression that is not declared leakproof (see 000008).
grant select on tenant_chunk to earshot_app;

-- A copy of a recording or picture in which what redaction found is silent or masked: derived from the raw record by one
-- version of the redactor. A better one makes a new row; the old row stays without its bytes, to tell what was shown.
create table redacted_media (
  tenant text not null,
  media_id uuid not null,
  interaction_id uuid not null,
  customer_key text not null,
  kind text not null check (kind in ('redacted_sound', 'redacted_picture')),
  state text not null check (state in ('active', 'superseded')),
  redactor_version text not null,
  -- What else decided the result: the version of the masker, its margins, the answers of models that were searched.
  parameters jsonb not null,
  -- What is hidden: type and place, in milliseconds of the recording or pixels of the upright picture. Never a value.
  hidden jsonb not null,
  media_type text not null,
  bytes bigint not null check (bytes > 0),
  -- Null once another copy has taken its place.
  sealed_object text,
  code_version text not null,
  workflow_id text,
  run_id text,
  created_at timestamptz not null default now(),
  superseded_at timestamptz,
  primary key (tenant, media_id),
  foreign key (tenant, interaction_id) references interaction on delete cascade,
  check ((state = 'active') = (sealed_object is not null))
);
create unique index redacted_media_active on redacted_media (tenant, interaction_id) where state = 'active';
create index redacted_media_by_interaction on redacted_media (tenant, interaction_id);

-- Every look at a recording, a picture or an unredacted text: who, what and, for originals, why.
create table media_view (
  tenant text not null,
  view_id uuid not null,
  interaction_id uuid not null,
  customer_key text not null,
  viewed_by text not null,
  what text not null check (what in ('redacted', 'original', 'original_text')),
  -- Which redacted copy.
  media_id uuid,
  -- Sealed under the record's data key: a reason may name somebody.
  sealed_reason bytea,
  viewed_at timestamptz not null default now(),
  primary key (tenant, view_id),
  foreign key (tenant, interaction_id) references interaction on delete cascade,
  check ((what = 'redacted') = (media_id is not null)),
  check ((what = 'redacted') = (sealed_reason is null))
);
create index media_view_by_interaction on media_view (tenant, interaction_id, viewed_at);

do $$
declare
  name text;
begin
  foreach name in array array['redacted_media', 'media_view'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
  end loop;
end
$$;
grant select, insert, update, delete on redacted_media to earshot_app;
-- A view that was logged stays until its record goes.
grant select, insert, delete on media_view to earshot_app;
grant select on redacted_media, media_view to earshot_reader;

-- The API key that asked, by its name.
alter table retrieval add column asked_by text;
