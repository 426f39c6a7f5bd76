import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActivityDependencies } from '../../activities/dependencies.ts';
import { compareObjects } from '../../activities/reconcile/objects.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, type Database, type Queryable } from '../../src/db/pools.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { rawObjectKey } from '../../src/raw-store/object-key.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { interactionOf } from '../support/records.ts';

let owner: TestDatabase;
let database: Database;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const keyOf = ({ interactionId, customerKey }: ReturnType<typeof interactionOf>) =>
  rawObjectKey({ tenant: 'default', customerKey, generation: 1, interactionId, name: 'source-x' });

it('an object whose record comes between listing and deleting stays; one without a record goes', async () => {
  const { app } = database.forTenant('default');
  await ensureSubject(app, 'default', 'a'.repeat(32));
  const [retried, orphan] = [interactionOf(), interactionOf()];
  let looks = 0;
  /** An upload that was cut off is sent again right after the first look at what the log has. */
  const looking: Queryable = {
    query: async (config) => {
      const answer = await app.query(config);
      if (config.name === 'known_records' && ++looks === 1) await acceptInteraction(app, retried, undefined);
      return answer;
    },
  };
  const deleted: string[] = [];
  const deps = {
    database: { forTenant: () => ({ app: looking, reader: looking }) },
    dials: { get: (name: string) => (name === 'reconcile.raw_probes' ? 0 : 1_000) },
    rawStore: {
      async *list() {
        for (const record of [retried, orphan]) yield { key: keyOf(record), bytes: 1, writtenAt: new Date(0) };
        await Promise.resolve();
      },
      delete: (key: string) => Promise.resolve(void deleted.push(key)),
    },
  } as unknown as ActivityDependencies;
  const ref = { tenant: 'default', reconciliationId: orphan.interactionId };
  const report = await compareObjects(deps, ref, new AbortController().signal);
  expect(deleted).toEqual([keyOf(orphan)]);
  expect(report.orphansRemoved).toEqual({ raw: 1 });
});
