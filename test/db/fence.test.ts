import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeEmbeddings, takeMessages } from '../../src/db/embeddings.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, type Database, type TenantDatabase } from '../../src/db/pools.ts';
import { ringForStuck } from '../../src/db/reconcile-repairs.ts';
import { claimOverdueSessions, sleepUnlessRung } from '../../src/db/sessions.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { CANARY_CUSTOMER, DISTRACTOR_CUSTOMER } from '../../src/domain/canary.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { interactionOf, textOf } from '../support/records.ts';
import { until } from '../support/until.ts';

let owner: TestDatabase;
let database: Database;
let tenant: TenantDatabase;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  tenant = database.forTenant('default');
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const customer = () => randomUUID().replaceAll('-', '');

/** An eraser that holds the subject row until it is let go. */
async function eraserOf(customerKey: string) {
  const client = new pg.Client({ connectionString: owner.url });
  await client.connect();
  await client.query('begin');
  await client.query('select from subject where customer_key = $1 for update', [customerKey]);
  return {
    commit: async () => {
      await client.query('update subject set erased_before = clock_timestamp() where customer_key = $1', [customerKey]);
      await client.query('commit');
      await client.end();
    },
    waitedFor: () =>
      until('a sink waits for the eraser', async () => {
        const rows = await owner.query(
          `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        );
        return rows.length > 0;
      }),
  };
}

describe('the fence', () => {
  it('refuses a message that was being accepted while its customer was erased, and takes a later one', async () => {
    const customerKey = customer();
    await ensureSubject(tenant.app, 'default', customerKey);
    const eraser = await eraserOf(customerKey);
    const accepting = acceptInteraction(tenant.app, interactionOf({ customerKey }), textOf('resurrected'));
    await eraser.waitedFor();
    await eraser.commit();
    expect((await accepting).outcome).toBe('erased');
    const later = interactionOf({ customerKey, capturedAt: new Date(Date.now() + 1_000) });
    expect((await acceptInteraction(tenant.app, later, textOf('new'))).outcome).toBe('accepted');
  });

  it('refuses vectors that were being stored while their customer was erased', async () => {
    const customerKey = customer();
    await ensureSubject(tenant.app, 'default', customerKey);
    const text = textOf('soon erased');
    await acceptInteraction(tenant.app, interactionOf({ customerKey }), text);
    const eraser = await eraserOf(customerKey);
    const { chunkId } = text.chunks[0]!;
    const storing = storeEmbeddings(tenant.app, embeddingsOf(chunkId));
    await eraser.waitedFor();
    await eraser.commit();
    expect(await storing).toEqual([]);
    expect(await owner.query('select from embedding where chunk_id = $1', [chunkId])).toEqual([]);
  });

  it('asks for the new key when the data key was replaced', async () => {
    const customerKey = customer();
    await ensureSubject(tenant.app, 'default', customerKey);
    await owner.query('update subject set key_generation = 2 where customer_key = $1', [customerKey]);
    expect((await acceptInteraction(tenant.app, interactionOf({ customerKey }), undefined)).outcome).toBe('stale_key');
  });
});

function embeddingsOf(chunkId: string, vector = fakeVector('x')) {
  const by = { workflowId: null, runId: null, pickedUpAt: null };
  const rows = [{ chunkId, embeddingId: randomUUID(), vector, ...by }];
  const made = { model: 'm', modelVersion: 'm', codeVersion: 't' };
  return { tenant: 'default', indexVersion: 1, ...made, rows };
}

describe('a vector', () => {
  it('of zeros, of another length or that is no number is refused by the database too', async () => {
    const customerKey = customer();
    await ensureSubject(tenant.app, 'default', customerKey);
    const text = textOf('bad vectors');
    await acceptInteraction(tenant.app, interactionOf({ customerKey }), text);
    for (const vector of [
      Array(384).fill(0),
      Array(96).fill(0.1),
      [NaN, ...(Array(383).fill(0) as number[])],
    ] as number[][]) {
      await expect(storeEmbeddings(tenant.app, embeddingsOf(text.chunks[0]!.chunkId, vector))).rejects.toThrow(/22|23/);
    }
  });
});

describe('a reconciliation', () => {
  it('rings for records that wait for too long, and neither for those behind a fence nor for canaries', async () => {
    const waiting = async (customerKey: string) => {
      await ensureSubject(tenant.app, 'default', customerKey);
      const record = interactionOf({ customerKey });
      await acceptInteraction(tenant.app, record, undefined);
      return record.sessionId;
    };
    const [stuck, erased, ofOldKey] = [customer(), customer(), customer()];
    const sessions = [await waiting(stuck), await waiting(erased), await waiting(ofOldKey)];
    sessions.push(await waiting(CANARY_CUSTOMER.key), await waiting(DISTRACTOR_CUSTOMER.key));
    await owner.query('update subject set erased_before = now() where customer_key = $1', [erased]);
    await owner.query('update subject set key_generation = 2 where customer_key = $1', [ofOldKey]);
    await owner.query(`update freshness set accepted_at = now() - interval '1 hour' where session_id = any($1)`, [
      sessions,
    ]);
    await owner.query(`update session set awake_since = null, ring_after = now() + interval '1 day'`);
    expect(await ringForStuck(tenant.app, 'default', 1_800_000)).toBe(1);
    const awake = await owner.query('select session_id from session where awake_since is not null');
    expect(awake).toEqual([{ session_id: sessions[0] }]);
    const rung = await owner.query('select session_id from session where ring_after <= now()');
    expect(rung).toEqual([{ session_id: sessions[0] }]);
  });
});

describe('the doorbell', () => {
  it('rings for the first message of a sleeping session alone, and a session does not sleep over a new message', async () => {
    const customerKey = customer();
    const sessionId = randomUUID();
    await ensureSubject(tenant.app, 'default', customerKey);
    const accept = () => acceptInteraction(tenant.app, interactionOf({ customerKey, sessionId }), textOf('hello'));
    expect((await accept()).ring).toBe(true);
    expect((await accept()).ring).toBe(false);
    const [seen] = await takeMessages(tenant.app, 'default', [{ sessionId, limit: 10 }], 1);
    expect(seen?.waiting).toBe(2);
    await accept();
    expect(await sleepUnlessRung(tenant.app, 'default', sessionId, seen!.arrivals)).toBe(false);
    expect(await sleepUnlessRung(tenant.app, 'default', sessionId, seen!.arrivals + 1)).toBe(true);
    expect((await accept()).ring).toBe(true);
  });

  it('is rung by one sweep at a time, later each time', async () => {
    await owner.query(`update session set ring_after = now() - interval '1 second' where awake_since is not null`);
    const claim = () => claimOverdueSessions(tenant.app, 'default', 60_000, 100, 3_600_000, true);
    const claims = await Promise.all([claim(), claim(), claim()]);
    const ids = claims.flat().map(({ session_id }) => session_id);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await claim()).toEqual([]);
  });
});
