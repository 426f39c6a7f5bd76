import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COVERED_TABLES } from '../../src/db/erased-rows.ts';
import type { ErasureProgress } from '../../src/domain/erasure.ts';
import { PROGRESS_QUERY } from '../../src/domain/workflows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, findErasure, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: AT_ONCE });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** Columns by which a row belongs to somebody. */
const TRACES = ['customer_key', 'interaction_id', 'session_id', 'artifact_id', 'chunk_id', 'retrieval_id'];

async function tracedTables(): Promise<string[]> {
  const rows = await earshot.database.query<{ name: string }>(
    `select distinct c.relname as name
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attname = any($1) and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
    [TRACES],
  );
  return rows.map(({ name }) => name).sort();
}

async function remember(customerId: string): Promise<{ customerKey: string; interactionId: string }> {
  const { body } = await earshot.message({ customerId, conversationId: customerId, text: 'a pogostick' });
  await earshot.settled(body.interactionId, 'reachable');
  const [row] = await earshot.database.query<{ customer_key: string }>(
    'select customer_key from interaction where interaction_id = $1',
    [body.interactionId],
  );
  return { customerKey: row!.customer_key, interactionId: body.interactionId };
}

const progressOf = (workflowId: string) =>
  earshot.temporal.getHandle(workflowId).query<ErasureProgress>(PROGRESS_QUERY);

/** Erases while a table that no eraser knows holds rows of the customer; then empties it. */
async function expectHeldUp(customerId: string, table: string): Promise<void> {
  const { body } = await requestErasure(earshot, customerId);
  const held = await until(`the rows in ${table} are found`, async () => {
    const progress = await progressOf(body.workflowId);
    return progress.leftovers > 0 && progress;
  });
  expect(held.blockedBy).toBeNull();
  const { state, after } = await findErasure(earshot, body.erasureId);
  expect({ state, found: after?.[`postgres.${table}`] }).toEqual({ state: 'running', found: 2 });
  await earshot.database.query(`delete from ${table}`);
  const { certificate } = await completed(earshot, body.erasureId);
  expect(certificate.statement.after[`postgres.${table}`]).toBe(0);
  expect(certificate.statement.verification.rounds).toBeGreaterThan(1);
}

describe('an erasure', () => {
  it('knows what to do with every table that holds a trace of somebody', async () => {
    expect(await tracedTables()).toEqual([...COVERED_TABLES].sort());
  });

  it('is not completed while a table that it does not know has rows of the customer', async () => {
    const { customerKey } = await remember('in-a-new-table');
    const other = await remember('beside-them');
    await earshot.database.query('create table mood (tenant text, customer_key text, mood text)');
    const values = `('default', $1, 'cross'), ('default', $1, 'glad'), ('default', $2, 'calm')`;
    await earshot.database.query(`insert into mood values ${values}`, [customerKey, other.customerKey]);
    await expectHeldUp('in-a-new-table', 'mood');
    await earshot.database.query('drop table mood');
  });

  it.each([
    ['with a tenant', 'tenant text', `'default'`],
    ['without one', 'note_id integer', '1'],
  ])('is not completed while a table %s has rows that name a record alone', async (kind, column, value) => {
    const { interactionId } = await remember(`in notes ${kind}`);
    const other = await remember('beside notes');
    await earshot.database.query(`create table note (${column}, interaction_id uuid, note text)`);
    const values = `(${value}, $1, 'first'), (${value}, $1, 'second'), (${value}, $2, 'third')`;
    await earshot.database.query(`insert into note values ${values}`, [interactionId, other.interactionId]);
    await expectHeldUp(`in notes ${kind}`, 'note');
    await earshot.database.query('drop table note');
  });
});
