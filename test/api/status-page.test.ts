import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Answers, Ask } from '../../src/api/pages/contract.ts';
import { lookLevel, lookNow, lookPast } from '../../src/api/pages/public/looks.js';
import { objectiveName } from '../../src/api/pages/public/wording.js';
import { getBacklog } from '../../src/api/routes/backlog.ts';
import { getHealth, getViolations } from '../../src/api/routes/health.ts';
import { getLagHistory } from '../../src/api/routes/lag-history.ts';
import { getFreshness } from '../../src/api/routes/operations.ts';
import { getServiceLevel } from '../../src/api/routes/service-level.ts';
import { getSources } from '../../src/api/routes/sources.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'backlog.sample_interval_ms': 250 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const FILES = [
  'main.js',
  'ask.js',
  'looks.js',
  'rounds.js',
  'show.js',
  'draw.js',
  'course.js',
  'geometry.js',
  'standing.js',
  'wording.js',
];

const open = (path: string) => fetch(`http://127.0.0.1:${earshot.env['PORT']}${path}`);

describe('the page', () => {
  it('is served without a key, with all that it is made of, under a policy that lets nothing else in', async () => {
    const page = await open('/status');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const html = await page.text();
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(named).toEqual(['/status/icon.svg', '/status/status.css', '/status/main.js']);
    expect(html).not.toMatch(/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|https?:/);
    for (const path of ['/status', ...named, ...FILES.map((file) => `/status/${file}`)]) {
      const { status, headers } = await open(path);
      expect([path, status]).toEqual([path, 200]);
      const policy = headers.get('content-security-policy')!.split(';');
      expect(policy).toEqual(
        expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]),
      );
      expect(policy).toEqual(expect.arrayContaining(["form-action 'none'", "require-trusted-types-for 'script'"]));
      expect(policy.join()).not.toMatch(/unsafe|\*|https?:/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('can be read aloud: tables have captions and heads, choices a legend, and what changes is told politely', async () => {
    const html = await (await open('/status')).text();
    const tables = html.match(/<table[\s\S]*?<\/table>/g)!;
    expect(tables).toHaveLength(6);
    for (const table of tables) {
      expect(table).toContain('<caption');
      expect(table).not.toMatch(/<th(?!ead)(?! scope="col")/);
    }
    for (const choices of html.match(/<fieldset[\s\S]*?<\/fieldset>/g)!) expect(choices).toContain('<legend>');
    expect(html).toMatch(/<p id="headline"[^>]* role="status">/);
    expect(html).toMatch(/<p id="trouble" role="alert">/);
    // What is told must be on the page: the script looks each part up by its id.
    const ids = new Set([...html.matchAll(/\sid="([\w-]+)"/g)].map(([, id]) => id));
    for (const file of ['main.js', 'show.js']) {
      const script = await (await open(`/status/${file}`)).text();
      for (const [, id] of script.matchAll(/byId\('([\w-]+)'/g)) expect(ids).toContain(id);
    }
  });

  it('knows each part that answers are written into, so that nothing of one key is left for the next', async () => {
    const html = await (await open('/status')).text();
    const script = await (await open('/status/show.js')).text();
    const told = [...html.matchAll(/\sid="([\w-]+)"\s+data-told/g)].map(([, id]) => id);
    const written = [...script.matchAll(/byId\('([\w-]+)'/g)].map(([, id]) => id).filter((id) => id !== 'source');
    expect(written.length).toBeGreaterThan(0);
    expect(told.sort()).toEqual([...new Set(written)].sort());
  });

  it('serves every module that its script imports, as a script, and nothing beside them', async () => {
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const response = await open(path);
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get('content-type')).toContain('javascript');
      const text = await response.text();
      for (const [, next] of text.matchAll(/^import [^;]*'\.\/([^']+)';/gm)) await follow(`/status/${next}`);
    };
    await follow('/status/main.js');
    expect([...seen].sort()).toEqual(FILES.map((file) => `/status/${file}`).sort());
    for (const path of [
      '/status/contract.ts',
      '/status/tsconfig.json',
      '/status/..%2fcontract.ts',
      '/status/none.js',
    ]) {
      expect([path, (await open(path)).status]).not.toEqual([path, 200]);
    }
  });

  it('holds nothing of a customer, nor of the memory', async () => {
    const { body } = await earshot.message({ customerId: 'named-customer', text: 'planted words' });
    await earshot.settled(body.interactionId, 'reachable');
    for (const path of ['/status', ...FILES.map((file) => `/status/${file}`)]) {
      const text = await (await open(path)).text();
      expect(text).not.toMatch(/named-customer|planted words/);
      expect(text).not.toContain(body.interactionId);
    }
  });
});

/** What the routes declare that they answer. That the page reads no more of it than that, the compiler checks below. */
const ROUTES = {
  '/v1/health': getHealth,
  '/v1/quality-violations': getViolations,
  '/v1/sla': getServiceLevel,
  '/v1/freshness': getFreshness,
  '/v1/sources': getSources,
  '/v1/backlog': getBacklog,
  '/v1/freshness/history': getLagHistory,
} as const;
type Declared = { readonly [Path in keyof typeof ROUTES]: z.output<(typeof ROUTES)[Path]['answer']> };
const read = <Path extends keyof Answers>(answers: Declared, path: Path): Answers[Path] => {
  const all: Answers = answers;
  return all[path];
};

/** Asks as the page does, and holds each answer to what its route declares. */
const asked: string[] = [];
const ask: Ask = async (path, query) => {
  asked.push(path);
  const { status, body } = await earshot.request('GET', query === undefined ? path : `${path}?${query}`);
  expect([path, query, status]).toEqual([path, query, 200]);
  // JSON has no undefined: what is declared must be there.
  const declared: Partial<Declared> = { [path]: ROUTES[path].answer.parse(body) };
  return read(declared as Declared, path);
};

describe('what the page asks', () => {
  it('is answered, in every window that it offers, with what its script reads', async () => {
    await until('a sample was taken', async () => (await lookNow(ask)).backlog.sampledAt !== null);
    const now = await lookNow(ask);
    expect(now.level.freshness.map(({ modality }) => modality)).toEqual(['chat', 'audio', 'screenshot']);
    for (const { name } of now.level.objectives) expect(objectiveName(name)).not.toBe(name.replaceAll('_', ' '));
    expect(now.models.sources.map(({ source }) => source).sort()).toEqual(['embedding', 'speech', 'vision']);
    const html = await (await open('/status')).text();
    const offered = (name: string) =>
      [...html.matchAll(new RegExp(`name="${name}"\\s+value="(\\w+)"`, 'g'))].map(([, value]) => value!);
    expect(offered('level-window')).toEqual(['1h', '24h', '7d']);
    for (const window of offered('level-window')) expect((await lookLevel(ask, window)).window).toBe(window);
    expect(offered('course-window')).toEqual(['15m', '1h', '6h']);
    for (const window of offered('course-window')) {
      asked.length = 0;
      const past = await lookPast(ask, window);
      expect(asked.sort()).toEqual(['/v1/backlog', '/v1/freshness/history']);
      expect(past.lag.window).toBe(window);
      expect(past.lag.modalities.find(({ modality }) => modality === 'chat')?.reached).toBe(1);
    }
    await Promise.all([lookNow(ask), lookLevel(ask, '1h')]);
    expect(new Set(asked)).toEqual(new Set(Object.keys(ROUTES)));
  });

  it('is told of the same moments in lag and backlog, however seldom samples are taken', async () => {
    for (const sampleMs of [10_000, 7_777, 250]) {
      await earshot.request('PUT', '/v1/dials/backlog.sample_interval_ms', { value: sampleMs });
      const { lag, backlog } = await lookPast(ask, '15m');
      const stretchMs = Math.max(sampleMs, 7_500);
      expect([lag.stretchMs, backlog.history.stretchMs]).toEqual([stretchMs, stretchMs]);
      const places = [...lag.modalities, ...backlog.history.modalities].map(({ at }) => Date.parse(at) % stretchMs);
      expect(new Set(places)).toEqual(new Set([0]));
    }
  });
});

describe('the history of lag', () => {
  const history = async (query: string) =>
    earshot.request<z.output<typeof getLagHistory.answer> & { errors: { field: string }[] }>(
      'GET',
      `/v1/freshness/history?${query}`,
    );

  it('tells percentiles of each stretch, of records in time, by when they became reachable', async () => {
    await earshot.database.query('delete from freshness');
    expect((await history('window=1h')).body.modalities).toEqual([]);
    // Of a minute ten minutes ago: 1 to 100 s; one that came late, one released, one that waits, one of a canary.
    const [{ session, customer } = { session: '', customer: '' }] = await earshot.database.query<{
      session: string;
      customer: string;
    }>('select session_id as session, customer_key as customer from session limit 1');
    const at = "date_trunc('minute', now()) - interval '10 minutes'";
    await earshot.database.query(`
      with made as (
        insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash,
          captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version)
        select 'default', gen_random_uuid(), '${session}', '${customer}', 'chat', 'chat', nth::text, now(), now(), 1, '', 't', 't'
        from generate_series(1, 103) as nth
        returning interaction_id, body_hash::integer as nth
      )
      insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at,
        reachable_at, released_at)
      select 'default', interaction_id, '${session}', '${customer}', 'chat',
        case nth when 103 then 'processing' else 'reachable' end,
        ${at} - case nth when 101 then interval '3 days' else nth * interval '1 s' end,
        ${at} - case when nth <= 100 then nth * interval '1 s' else interval '0 s' end,
        case nth when 103 then null else ${at} + interval '1 s' end, case nth when 102 then now() end
      from made`);
    const { body } = await history('window=1h&points=60');
    expect(body).toMatchObject({ window: '1h', stretchMs: 60_000 });
    expect(body.modalities).toHaveLength(1);
    expect(body.modalities[0]).toMatchObject({ modality: 'chat', reached: 100 });
    const { p50, p95, p99 } = body.modalities[0]!.total;
    expect([p50, p95, p99].map(Math.round)).toEqual([51_500, 96_050, 100_010]);
    expect((await history('window=5m')).body.modalities).toEqual([]);
    expect(Date.now() - Date.parse(body.modalities[0]!.at)).toBeLessThan(12 * 60_000);
  });

  it('is bounded', async () => {
    for (const wrong of ['window=25h', 'window=2d', 'window=0m', 'window=1', 'points=0', 'points=2001']) {
      const refused = await history(wrong);
      expect([wrong, refused.status, refused.body.errors[0]?.field]).toEqual([wrong, 400, wrong.split('=')[0]]);
    }
    const { body } = await history('window=24h&points=2000');
    expect(body.stretchMs).toBe(43_200);
  });
});
