import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCertificates, type Certificate } from '../../src/erasure/certificate.ts';
import type { ErasureProgress } from '../../src/domain/erasure.ts';
import { PROGRESS_QUERY } from '../../src/domain/workflows.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { dumpDatabase, type Dump } from '../support/dump.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase, findErasure, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
let dump: Dump;
/** Two of Anna's and one of Carl's, all younger than the dump. */
let erasures: string[];
let annasKey: string;
let annasRecord: string;
let bertsRecord: string;
let carlsRecord: string;

const aMinuteAgo = new Date(Date.now() - 60_000).toISOString();
const ANNAS_MESSAGE = { customerId: 'anna', conversationId: 'anna', messageId: 'old', text: 'my pogostick broke' };
const BERTS_MESSAGE = { customerId: 'bert', conversationId: 'bert', messageId: 'old', text: 'my umbrella broke' };
const CARLS_MESSAGE = { customerId: 'carl', conversationId: 'carl', messageId: 'old', text: 'my pogostick too' };

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: AT_ONCE });
  annasRecord = await remember({ ...ANNAS_MESSAGE, sentAt: aMinuteAgo });
  bertsRecord = await remember({ ...BERTS_MESSAGE, sentAt: aMinuteAgo });
  carlsRecord = await remember({ ...CARLS_MESSAGE, sentAt: aMinuteAgo });
  annasKey = await customerKeyOf(annasRecord);
  const scheduled = await schedule();
  dump = await dumpDatabase(earshot.database.url);
  await earshot.database.query(`update erasure set state = 'cancelled' where erasure_id = $1`, [scheduled]);
  const first = await erase(earshot, 'anna');
  await remember({ ...ANNAS_MESSAGE, messageId: 'new', sentAt: new Date().toISOString() });
  const second = await erase(earshot, 'anna');
  erasures = [first.erasureId, second.erasureId, await beginErasure('carl')];
  await restore();
});
afterAll(async () => {
  await dump?.remove();
  await earshot?.stop();
  await models?.stop();
});

async function remember(message: Parameters<TestEarshot['message']>[0]): Promise<string> {
  const { body } = await earshot.message(message);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

/** An erasure of Anna that waits for the end of its grace period; answers its id. */
async function schedule(): Promise<string> {
  const [row] = await earshot.database.query<{ erasure_id: string }>(
    `insert into erasure (tenant, erasure_id, customer_key, scope, state, erase_after, due_at, start_after)
     select 'default', gen_random_uuid(), $1, 'customer', 'scheduled', later, later, later
     from (select now() + interval '1 day' as later) as moment
     returning erasure_id`,
    [annasKey],
  );
  return row!.erasure_id;
}

/** An erasure that is still under way when the database is restored; answers its id. */
async function beginErasure(customerId: string): Promise<string> {
  const aDay = 24 * 60 * 60_000;
  await earshot.database.query(`update dial set value = $1 where name = 'erasure.second_pass_after_ms'`, [aDay]);
  await earshot.application?.stop();
  await earshot.start();
  const { body } = await requestErasure(earshot, customerId);
  const workflow = earshot.temporal.getHandle(body.workflowId);
  await until('the erasure waits for its second pass', async () => {
    const { step } = await workflow.query<ErasureProgress>(PROGRESS_QUERY);
    return step === 'secondPass';
  });
  return body.erasureId;
}

async function customerKeyOf(interactionId: string): Promise<string> {
  const [row] = await earshot.database.query<{ customer_key: string }>(
    'select customer_key from interaction where interaction_id = $1',
    [interactionId],
  );
  return row!.customer_key;
}

/** Brings the day of the dump back, as after a lost disk; Temporal and the raw store have lost nothing. */
async function restore(): Promise<void> {
  await earshot.application?.stop();
  await dump.restore();
}

/** `npm run reapply-erasures`; answers what it said. */
async function reapply(): Promise<string> {
  const child = spawn(process.execPath, ['workers/reapply-erasures.ts'], { cwd: PROJECT, env: earshot.env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);
  return output;
}

/** Rows that say something of Anna, by table. */
async function annasRows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of ['interaction', 'artifact', 'chunk', 'embedding', 'lineage_edge', 'session', 'data_key']) {
    const text = `select count(*)::integer as count from ${table} where customer_key = $1`;
    const [row] = await earshot.database.query<{ count: number }>(text, [annasKey]);
    counts[table] = row!.count;
  }
  return counts;
}

async function chain(): Promise<{ certificates: Certificate[]; publicKey: string }> {
  return (await earshot.request<{ certificates: Certificate[]; publicKey: string }>('GET', '/v1/erasure-certificates'))
    .body;
}

function told({ statement }: Certificate) {
  const { sequence, erasureId, destroyedKeyGenerations: generation, reappliedAt } = statement;
  return { sequence, erasureId, generation, again: reappliedAt !== null };
}

async function expectOnlyBert(): Promise<void> {
  expect(new Set(Object.values(await annasRows()))).toEqual(new Set([0]));
  const { results } = await earshot.retrieve({ query: 'pogostick', k: 50 });
  expect(results.filter(({ text }) => text.includes('pogostick'))).toEqual([]);
  for (const id of [annasRecord, carlsRecord]) expect((await earshot.interaction(id)).state).toBe('erased');
  expect((await earshot.message({ ...ANNAS_MESSAGE, sentAt: aMinuteAgo })).status).toBe(410);
  expect((await earshot.interaction(bertsRecord)).state).toBe('reachable');
  const found = await earshot.retrieve({ query: 'umbrella', customerId: 'bert' });
  expect(found.results.map(({ text }) => text)).toEqual(['my umbrella broke']);
}

describe('a database that is restored from a dump of before an erasure', () => {
  it('has the erased customer again, and of the erasures only one that was cancelled later', async () => {
    expect(await annasRows()).toMatchObject({ interaction: 1, artifact: 1, chunk: 1, embedding: 1, data_key: 1 });
    expect(await earshot.database.query('select state from erasure')).toEqual([{ state: 'scheduled' }]);
  });

  it('forgets the customer again when the erasures of the ledger are applied, and keeps all others', async () => {
    await earshot.start();
    expect(await reapply()).toContain('3 erasures in the ledger, the fences of 2 customers are up');
    await expectOnlyBert();
    const [subject] = await earshot.database.query('select * from subject where customer_key = $1', [annasKey]);
    expect(subject).toMatchObject({ key_generation: 3 });
  });

  it('has the whole chain of certificates, those that are younger than the dump and one of this day', async () => {
    const { certificates, publicKey } = await chain();
    expect(checkCertificates(certificates, publicKey)).toEqual([]);
    const [anna, annaAgain, carl] = erasures;
    expect(certificates.slice(0, 2).map(told)).toEqual([
      { sequence: 1, erasureId: anna, generation: 1, again: false },
      { sequence: 2, erasureId: annaAgain, generation: 2, again: false },
    ]);
    const news = certificates.slice(2);
    const ofAnna = news.find(({ statement }) => statement.erasureId === annaAgain)!;
    const ofCarl = news.find(({ statement }) => statement.erasureId === carl)!;
    expect(news.map(({ statement }) => statement.sequence)).toEqual([3, 4]);
    expect(told(ofAnna)).toMatchObject({ generation: 2, again: true });
    expect(told(ofCarl)).toMatchObject({ generation: 1, again: true });
    expect(ofAnna.statement.before).toMatchObject({ 'postgres.interaction': 1, 'postgres.chunk': 1 });
    for (const id of erasures) expect(await findErasure(earshot, id)).toMatchObject({ state: 'completed' });
    const states = await earshot.database.query('select state from erasure order by requested_at');
    expect(states.map(({ state }) => String(state))).toEqual(['cancelled', 'completed', 'completed', 'completed']);
  });

  it('takes new records of the customer, which the same erasures, applied once more, leave alone', async () => {
    const fresh = { ...ANNAS_MESSAGE, conversationId: 'anew', messageId: 'fresh', sentAt: new Date().toISOString() };
    const record = await remember({ ...fresh, text: 'hello anew' });
    await reapply();
    expect((await earshot.interaction(record)).state).toBe('reachable');
    const { results } = await earshot.retrieve({ query: 'hello anew', customerId: 'anna' });
    expect(results.map(({ text }) => text)).toEqual(['hello anew']);
    const { certificates, publicKey } = await chain();
    expect(checkCertificates(certificates, publicKey)).toEqual([]);
    expect(certificates).toHaveLength(6);
    for (const { statement } of certificates.slice(4)) {
      expect(statement.before).toMatchObject({ 'postgres.interaction': 0, 'postgres.chunk': 0 });
    }
  });

  it('keeps an erasure that was asked for after those of the ledger', async () => {
    const waiting = await schedule();
    await reapply();
    expect(await findErasure(earshot, waiting)).toMatchObject({ state: 'scheduled' });
    for (const id of erasures) expect(await findErasure(earshot, id)).toMatchObject({ state: 'completed' });
  });

  it('is brought to the same state after another restore', async () => {
    await restore();
    await earshot.start();
    await reapply();
    await expectOnlyBert();
    const { certificates, publicKey } = await chain();
    expect(certificates.map(({ statement }) => statement.sequence)).toEqual(certificates.map((_, index) => index + 1));
    expect(certificates.slice(-2).every((certificate) => told(certificate).again)).toBe(true);
    expect(checkCertificates(certificates, publicKey)).toEqual([]);
  });
});
