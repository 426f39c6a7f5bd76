import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { canaryWords } from '../../src/canary/canary-material.ts';
import { CANARY_CUSTOMER, RESERVED_KEYS, diagnose } from '../../src/domain/canary.ts';
import { CANARY_WORKFLOW } from '../../src/domain/workflows.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { fillWithRecords } from '../support/many-records.ts';
import { sealAll } from '../support/segments.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

const IN_SECONDS = {
  'canary.poll_ms': 50,
  'canary.index_budget_ms': 4_000,
  'canary.chat_budget_ms': 5_000,
  'canary.audio_budget_ms': 10_000,
  'canary.screenshot_budget_ms': 10_000,
};

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({ models, dials: IN_SECONDS });
  // Few rows are read and sorted faster than an index is searched: this makes them be searched as many are.
  for (const way of ['enable_seqscan', 'enable_sort']) {
    await earshot.database.query(
      `do $$ begin execute format('alter database %I set ${way} = off', current_database()); end $$`,
    );
  }
  await earshot.start();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface CanaryRow {
  readonly modality: string;
  readonly code: string | null;
  readonly present_at: Date | null;
  readonly reachable_at: Date | null;
  readonly cleaned_at: Date | null;
}

let runs = 0;

/** Begins a run as the schedule does. */
async function begin() {
  runs += 1;
  return earshot.temporal.start<() => Promise<{ planted: number; failed: number }>>(CANARY_WORKFLOW, {
    workflowId: `canary-run-${runs}`,
    taskQueue: 'batch',
    args: [],
  });
}

/** Runs the canaries once; answers the code of each modality. */
async function codes(): Promise<Record<string, string | null>> {
  await (await begin()).result();
  const rows = await lastRun();
  return Object.fromEntries(rows.map(({ modality, code }) => [modality, code]));
}

const lastRun = () =>
  earshot.database.query<CanaryRow>(
    `select * from canary where canary_id = (select canary_id from canary order by planted_at desc limit 1)`,
  );

const openViolations = async () =>
  (
    await earshot.database.query<{ modality: string; code: string }>(
      `select modality, code from quality_violation where resolved_at is null order by modality`,
    )
  ).map(({ modality, code }) => `${modality} ${code}`);

const HEALTHY = { chat: null, audio: null, screenshot: null };

async function leftRows(): Promise<number> {
  let left = 0;
  for (const table of [
    'interaction',
    'session',
    'freshness',
    'artifact',
    'chunk',
    'embedding',
    'lineage_edge',
    'retrieval',
  ]) {
    const [row] = await earshot.database.query<{ count: number }>(
      `select count(*)::integer as count from ${table} where customer_key = any($1)`,
      [RESERVED_KEYS],
    );
    left += row!.count;
  }
  return left;
}

describe('a healthy canary of each modality', () => {
  it('is present, then reachable, raises nothing and is cleaned up', async () => {
    await earshot.message({ customerId: 'somebody', text: 'a customer of flesh and blood' });
    expect(await codes()).toEqual(HEALTHY);
    for (const row of await lastRun()) {
      expect(row.reachable_at!.getTime()).toBeGreaterThanOrEqual(row.present_at!.getTime());
      expect(row.cleaned_at).not.toBeNull();
    }
    expect(await openViolations()).toEqual([]);
    expect(await leftRows()).toBe(0);
    const files = await readdir(join(earshot.folder, 'raw'), { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile())).toEqual([]);
    const sessions = 'WorkflowType in ("conversation", "call", "screenshot")';
    await until('their runs are deleted', async () => {
      const ids: string[] = [];
      const query = `${sessions} and customerKey in (${RESERVED_KEYS.map((key) => `"${key}"`).join(', ')})`;
      for await (const run of earshot.temporal.list({ query })) ids.push(run.workflowId);
      return ids.length === 0;
    });
  });

  it('is in nobody’s results while it lives', async () => {
    const held = holdRoute(models, 'transcriptions');
    const run = await begin();
    await held.arrived();
    const [planted] = await until('the chat canary is reachable', () =>
      earshot.database
        .query<{ canary_id: string; interaction_id: string }>(
          `select c.canary_id, f.interaction_id from canary c, freshness f
           where c.ended_at is null and c.modality = 'audio' and f.modality = 'chat' and f.state = 'reachable'
             and f.customer_key = $1`,
          [CANARY_CUSTOMER.key],
        )
        .then((rows) => rows.length > 0 && rows),
    );
    const query = canaryWords(planted!.canary_id);
    for (const mode of ['hybrid', 'vector', 'text']) {
      const { results, newestEventTime } = await earshot.retrieve({ query, mode, k: 50 });
      expect(results.filter(({ customerId }) => customerId.startsWith('earshot-'))).toEqual([]);
      expect(newestEventTime! < new Date(Date.now() - 1).toISOString()).toBe(true);
    }
    const newest = (await earshot.retrieve({ query })).newestEventTime;
    const [real] = await earshot.database.query<{ newest: Date }>(
      'select max(event_time) as newest from chunk where not customer_key = any($1)',
      [RESERVED_KEYS],
    );
    expect(newest).toBe(real!.newest.toISOString());
    const freshness = await earshot.request<{ modalities: { modality: string; count: number; waiting: number }[] }>(
      'GET',
      '/v1/freshness',
    );
    expect(freshness.body.modalities.map(({ modality, count, waiting }) => [modality, count, waiting])).toEqual([
      ['chat', 1, 0],
    ]);
    held.release();
    await run.result();
    expect(Object.values(await lastRun()).every(({ code }) => code === null)).toBe(true);
  });

  it('belongs to a customer whom no other key may write to or ask of', async () => {
    const customerId = CANARY_CUSTOMER.id;
    const answers = [
      await earshot.message({ customerId }),
      await earshot.request('POST', '/v1/retrieve', { query: 'canary', customerId }),
      await earshot.request('GET', `/v1/customers/${customerId}/export`),
      await earshot.request('POST', '/v1/erasures', { customerIds: ['x', customerId], reason: 'none' }),
    ];
    for (const { status, body } of answers) {
      expect([status, (body as { errors?: { message: string }[] }).errors?.[0]?.message]).toEqual([
        400,
        'is reserved for canaries',
      ]);
    }
    const forged = { authorization: `Bearer canary.default.${'0'.repeat(64)}` };
    expect((await earshot.request('POST', '/v1/retrieve', { query: 'canary' }, forged)).status).toBe(401);
  });
});

describe('a silent loss is found within one run, by what is lost:', () => {
  const sabotages: [code: string, what: string, spoil: string, mend: string][] = [
    [
      'no_vector',
      'vectors that are never stored',
      `create function nothing() returns trigger language plpgsql as 'begin return null; end';
       create trigger lose before insert on embedding for each row execute function nothing()`,
      `drop trigger lose on embedding; drop function nothing()`,
    ],
    [
      'no_vector',
      'vectors that vanish after the record was called reachable',
      `create function vanish() returns trigger language plpgsql as
         'begin delete from embedding e where e.customer_key = new.customer_key; return null; end';
       create trigger lose after update on freshness for each row when (new.state = 'reachable')
         execute function vanish()`,
      `drop trigger lose on freshness; drop function vanish()`,
    ],
    [
      'index_miss',
      'writes that the index of fresh vectors drops',
      `update pg_index set indisready = false where indexrelid = 'embedding_v1_tenant_sequence_idx'::regclass`,
      `update pg_index set indisready = true where indexrelid = 'embedding_v1_tenant_sequence_idx'::regclass`,
    ],
    [
      'text_miss',
      'writes that the word index drops',
      `update pg_index set indisready = false where indexrelid = 'chunk_words'::regclass`,
      `update pg_index set indisready = true where indexrelid = 'chunk_words'::regclass`,
    ],
    [
      'hidden',
      'rows that row-level security hides from readers',
      `create policy hide on chunk as restrictive for select to earshot_reader using (false)`,
      `drop policy hide on chunk`,
    ],
  ];

  beforeAll(async () => {
    await fillWithRecords(earshot.database, 10);
    await sealAll(earshot.database);
  });
  afterEach(async () => expect(await leftRows()).toBe(0));

  it.each(sabotages)('%s: %s', async (code, _what, spoil, mend) => {
    await earshot.database.query(spoil);
    const found = await codes().finally(() => earshot.database.query(mend));
    expect(found).toEqual({ chat: code, audio: code, screenshot: code });
    expect(await openViolations()).toEqual([`audio ${code}`, `chat ${code}`, `screenshot ${code}`]);
    expect(await codes()).toEqual(HEALTHY);
    expect(await openViolations()).toEqual([]);
  });

  it('not_accepted: an intake that refuses', async () => {
    await earshot.request('PUT', '/v1/dials/intake.chat_max_characters', { value: 1 });
    expect(await codes()).toEqual({ ...HEALTHY, chat: 'not_accepted' });
    await earshot.request('PUT', '/v1/dials/intake.chat_max_characters', { value: 20_000 });
    expect(await codes()).toEqual(HEALTHY);
  });

  it('not_present: a model that hears nothing', async () => {
    models.failAlways('transcriptions', { kind: 'status', status: 400 });
    expect(await codes()).toEqual({ ...HEALTHY, audio: 'not_present' });
    models.heal();
  });

  it('filter_fault: another customer’s record in an answer about one', () => {
    const good = { chunks: 1, vectors: 1, visible: 1, foundByWords: true, foundByVector: true, foundInCustomer: true };
    expect(diagnose({ ...good, distractorInCustomer: true })).toBe('filter_fault');
    expect(diagnose({ ...good, distractorInCustomer: false })).toBeNull();
    expect(diagnose({ ...good, foundInCustomer: false, distractorInCustomer: false })).toBe('not_reachable');
  });
});

describe('by their schedule', () => {
  const health = async () =>
    (await earshot.request<{ status: string; reasons: { status: string; code: string }[] }>('GET', '/v1/health')).body;
  const red = async () => (await health()).reasons.filter(({ status }) => status === 'red').map(({ code }) => code);
  const count = async (what: string) => {
    const [row] = await earshot.database.query<{ count: number }>(`select count(*)::integer as count from ${what}`);
    return row!.count;
  };
  const failedSteps = async () => {
    const { body } = await earshot.request<{ text: string }>('GET', '/metrics');
    const lines = body.text.match(/^earshot_activity_failures_total\{.*$/gm) ?? [];
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

  it('health is red while index writes are dropped though all jobs are green, and heals by itself', async () => {
    // What the other tests have put here has no keys and belongs to nobody.
    await earshot.database.query('truncate canary');
    await earshot.request('PUT', '/v1/dials/canary.interval_ms', { value: 1_000 });
    await until('two healthy rounds', async () => (await count('canary where reachable_at is not null')) >= 6);
    expect(await red()).toEqual([]);
    expect(await count('canary where code is not null')).toBe(0);
    const failures = await failedSteps();
    const index = `where indexrelid = 'embedding_v1_tenant_sequence_idx'::regclass`;
    await earshot.database.query(`update pg_index set indisready = false ${index}`);
    await until('health is red', async () => (await red()).includes('canary_index_miss'));
    expect(await failedSteps()).toBe(failures);
    const metrics = (await earshot.request<{ text: string }>('GET', '/metrics')).body.text;
    expect(metrics).toMatch(/earshot_canary_failures_total\{modality="\w+",code="index_miss"\} [1-9]/);
    expect(metrics).toMatch(
      /earshot_quality_violations_open\{tenant="default",check="canary",code="index_miss"\} [1-3]/,
    );
    await earshot.database.query(`update pg_index set indisready = true ${index}`);
    await until('health is no longer red', async () => (await red()).length === 0);
    await earshot.request('PUT', '/v1/dials/canary.interval_ms', { value: 0 });
  });
});
