-- Every row belongs to a tenant, and a connection sees the rows of one: the tenant it was opened for
-- (src/db/pools.ts). An unset tenant sees nothing.
do $$
declare
  name text;
begin
  foreach name in array array[
    'subject', 'data_key', 'session', 'interaction', 'freshness', 'artifact', 'chunk', 'embedding', 'lineage_edge',
    'retrieval', 'retrieval_hit'
  ] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy own_tenant on %I using (tenant = current_setting(''earshot.tenant'', true))', name);
  end loop;
end
$$;

-- Full-text search over a whole tenant. Under a policy Postgres takes no index for an operator that is not declared
-- leakproof, and "@@" is not: every search would read every chunk. The view states the same condition as the policy
-- and is no security barrier, so the GIN index is used. For the view to see the rows, its owner, which no process
-- runs as, must not be bound by the policy.
alter table chunk no force row level security;
create view tenant_chunk as
  select * from chunk where tenant = current_setting('earshot.tenant', true);

grant usage on schema public to earshot_app, earshot_reader;

grant select, insert, update, delete on
  subject, data_key, session, interaction, freshness, artifact, chunk, embedding, lineage_edge, retrieval, retrieval_hit
  to earshot_app;
grant select on tenant, index_version to earshot_app;
grant select, insert, update on dial to earshot_app;
grant select, insert on dial_change to earshot_app;

-- The retrieval path cannot write, whatever it is asked to do.
grant select on
  tenant, subject, data_key, session, interaction, freshness, artifact, chunk, embedding, index_version, lineage_edge,
  retrieval, retrieval_hit, dial, tenant_chunk
  to earshot_reader;
