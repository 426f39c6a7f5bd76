import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database, type Queryable, type TenantDatabase } from '../../src/db/pools.ts';
import { openDirectory } from '../../src/raw-store/directory.ts';
import { customerPrefix } from '../../src/raw-store/object-key.ts';
import type { RawStore } from '../../src/raw-store/raw-store.ts';
import { CustomerInMotion, retrying } from '../support/customer-in-motion.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { atOnce, dyingAfter, interleave, type Actor } from '../support/interleave.ts';
import { rowsOf } from '../support/remains.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const signal = new AbortController().signal;

let owner: TestDatabase;
let database: Database;
let tenant: TenantDatabase;
let folder: string;
let store: RawStore;

beforeAll(async () => {
  console.log(`SEED=${seed}`);
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  tenant = database.forTenant('default');
  folder = await mkdtemp(join(tmpdir(), 'earshot-raw-'));
  store = openDirectory(pathToFileURL(folder).href);
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Somebody who does something to a record, and perhaps dies over it. */
interface Role {
  readonly does: 'intake' | 'recognise' | 'giveUp' | 'embed' | 'retrieve' | 'erase';
  readonly record: number;
  readonly steps: number;
}

const role: fc.Arbitrary<Role> = fc.record({
  does: fc.constantFrom('intake', 'intake', 'recognise', 'giveUp', 'embed', 'retrieve', 'erase'),
  record: fc.nat({ max: 3 }),
  steps: fc.oneof({ weight: 4, arbitrary: fc.constant(100) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
});

/**
 * Which records are older than the erasure, what was done with them before, who is at work, and in what order. The first
 * three records are known when the erasure begins.
 */
const motion = fc.record({
  ages: fc.tuple(fc.constant(true), fc.boolean(), fc.boolean(), fc.boolean()),
  earlier: fc.array(role, { maxLength: 4 }),
  roles: fc.array(role, { minLength: 1, maxLength: 8 }),
  turns: fc.array(fc.nat({ max: 9 }), { maxLength: 60 }),
});
type Motion = typeof motion extends fc.Arbitrary<infer T> ? T : never;

type Course = (actors: readonly Actor[], turns: readonly number[]) => Promise<void>;

/** Answers all that is left, or was let through, when everybody has done what they do. */
async function remainsAfter(db: TenantDatabase, { ages, earlier, roles, turns }: Motion, run: Course) {
  const customer = new CustomerInMotion(db, store, ages);
  const play = ({ does, record, steps }: Role) =>
    dyingAfter(
      steps,
      retrying(() => customer[does](record)),
    );
  await atOnce([0, 1, 2].map((record) => customer.intake(record)));
  await interleave(earlier.filter(({ does }) => does !== 'erase').map(play), turns);
  await run([retrying(() => customer.erase()), ...roles.map(play)], turns);
  const erasure = customer.erasure!;
  const rows = await rowsOf(owner, customer.customerKey, erasure.erasedBefore.toISOString());
  // What a dead upload has left in the raw store is for the second pass.
  await atOnce([customer.eraseOnce(erasure)]);
  const objects = await objectsUpTo(customer.customerKey, erasure.destroyedGeneration);
  const left = Object.entries({ ...rows, objects }).filter(([, count]) => count > 0);
  return { left, passed: customer.passed, customer };
}

async function objectsUpTo(customerKey: string, generation: number): Promise<number> {
  let count = 0;
  for await (const { key } of store.versions(customerPrefix('default', customerKey), signal)) {
    if (Number(/\/g(\d+)\//.exec(key)![1]) <= generation) count += 1;
  }
  return count;
}

/** Whether a record of after the erasure finds its way in, and one of before it does not. */
async function expectOpenToTheNew(customer: CustomerInMotion): Promise<void> {
  const generation = customer.erasure!.destroyedGeneration + 1;
  expect((await customer.accept(0, generation, null)).outcome).toBe('erased');
  const anew = new CustomerInMotion(tenant, store, [false]);
  Object.assign(anew, { customerKey: customer.customerKey });
  expect((await anew.accept(0, generation, null)).outcome).toBe('accepted');
}

const promise = (run: Course, db = tenant) =>
  fc.asyncProperty(motion, async (each) => {
    const { left, passed, customer } = await remainsAfter(db, each, run);
    expect(left).toEqual([]);
    expect(passed).toEqual([]);
    if (db === tenant) await expectOpenToTheNew(customer);
  });

describe('intake, replay, recognition, indexing, retrieval and erasure', () => {
  it('leave nothing of the erased behind, in whatever order their steps come', async () => {
    await fc.assert(promise(interleave), { seed, numRuns: 150 });
  });

  it('leave nothing of the erased behind when all work at once', async () => {
    await fc.assert(promise(atOnce), { seed, numRuns: 100 });
  });
});

/** What each statement that writes asks of the subject's row. */
const FENCES: [string, RegExp][] = [
  [
    'accept_interaction',
    /key_generation = \$12::integer and \$11::timestamptz > coalesce[^)]*\)\s+and not exists[^)]*\)/,
  ],
  ['store_artifact', /record\.captured_at > coalesce\([^)]*\)\s+and record\.key_generation = fence\.key_generation/],
  ['store_embeddings', /i\.captured_at > coalesce\([^)]*\)\s+and i\.key_generation = fence\.key_generation/],
  ['record_retrieval', /\$15 = \([^)]*\)/],
  ['keep_data_key', /(?<=where )key_generation = \$3/],
];

describe('without the fence of', () => {
  it.each(FENCES)('%s the erased come back', async (name, fence) => {
    const result = await fc.check(promise(interleave, without(name, fence)), {
      ...{ seed, numRuns: 500, endOnFailure: true },
    });
    expect(result.failed).toBe(true);
    expect(String(result.errorInstance)).toMatch(/AssertionError/);
  });
});

/** The database with a statement that has lost its fence. */
function without(name: string, fence: RegExp): TenantDatabase {
  const app: Queryable = {
    query: (config) => {
      if (config.name !== name) return tenant.app.query(config);
      const text = config.text.replace(fence, 'true');
      expect(text).not.toBe(config.text);
      return tenant.app.query({ ...config, name: `${name}_unfenced`, text });
    },
  };
  return { ...tenant, app };
}
