import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { CACHE } from '../../src/stack/tools.ts';

it('the embedded Temporal keeps those indexes of its list of executions that somebody asks by', () => {
  const database = new DatabaseSync(join(CACHE, 'test-stack', 'temporal.db'), { readOnly: true });
  const rows = database
    .prepare(`select name from sqlite_schema where type = 'index' and tbl_name = 'executions_visibility' order by name`)
    .all();
  database.close();
  expect(rows.map(({ name }) => name)).toEqual([
    'by_execution_time',
    'by_keyword_01',
    'by_keyword_02',
    'by_keyword_03',
    'by_keyword_04',
    'by_parent_workflow_id',
    'by_root_workflow_id',
    'by_status',
    'by_temporal_namespace_division',
    'by_temporal_scheduled_by_id',
    'by_workflow_id',
    'by_workflow_type',
    'default_idx',
    'sqlite_autoindex_executions_visibility_1',
  ]);
});
