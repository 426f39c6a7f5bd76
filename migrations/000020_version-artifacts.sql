-- What is recognised anew for an index version is found by record when the version is decided, also where it has no text.

alter table artifact
  -- What is `shown_in` a version is made for it alone, and staged until the version is decided; what is `hidden_in` one
  -- is what it stands for. Both are null otherwise. Their chunks say the same of themselves, for the read path.
  add column shown_in integer references index_version,
  add column hidden_in integer references index_version;
create index artifact_shown_in on artifact (tenant, shown_in) where shown_in is not null;
create index artifact_hidden_in on artifact (tenant, hidden_in) where hidden_in is not null;
drop index chunk_shown_in;
drop index chunk_hidden_in;
