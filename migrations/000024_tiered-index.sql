-- Vectors are numbered as they come, so that HNSW indexes can each be built over a range of numbers that no new row joins:
-- what comes after the last range is searched exactly, and no insert pays for a graph (docs/decisions/0010-tiered-index.md).
create sequence embedding_sequence;
grant usage on sequence embedding_sequence to earshot_app;
alter table embedding add column sequence bigint not null default 0;
alter table embedding alter column sequence set default nextval('embedding_sequence');
create index embedding_by_sequence on embedding (tenant, sequence);

-- The ranges [from_sequence, until_sequence) of a version that have an HNSW index each. A row stands from when its index is
-- valid. Of the deployment, as index_version is.
create table index_segment (
  index_version integer not null references index_version,
  from_sequence bigint not null,
  until_sequence bigint not null check (until_sequence > from_sequence),
  built_at timestamptz not null default clock_timestamp(),
  primary key (index_version, from_sequence)
);
grant select on index_segment to earshot_app, earshot_reader;

-- What is there already is one segment, of rows numbered 0. Its index, made over all rows, is replaced at the next sealing.
insert into index_segment (index_version, from_sequence, until_sequence)
select index_version, 0, 1 from index_version where state <> 'dropped' and indexed_at is not null;

-- The newest event of all, questions about a time, and the newest texts that have common words.
create index chunk_by_time on chunk (tenant, event_time);
