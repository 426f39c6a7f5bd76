import type { TestDatabase } from './database.ts';

/** Tables, columns, constraints, indexes, policies and grants as text, to be compared with the committed snapshot. */
export async function describeSchema(database: TestDatabase): Promise<string> {
  const lines = await database.query<{ line: string }>(`
    select line from (
      select format('%s.%s %s%s%s', table_name, column_name, udt_name,
        case is_nullable when 'NO' then ' not null' else '' end,
        coalesce(' default ' || column_default, '')) as line
      from information_schema.columns where table_schema = 'public'
      union all
      select format('%s constraint %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
      union all
      select indexdef from pg_indexes where schemaname = 'public'
      union all
      select format('%s policy %s using %s', tablename, policyname, qual) from pg_policies where schemaname = 'public'
      union all
      select format('%s granted to %s: %s', table_name, grantee, string_agg(privilege_type, ', ' order by privilege_type))
      from information_schema.role_table_grants
      where grantee in ('earshot_app', 'earshot_reader')
      group by table_name, grantee
    ) as described
    where line not like '%schema_migration%'
    order by line collate "C"`);
  return `${lines.map(({ line }) => line).join('\n')}\n`;
}
