import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLLUP_WORKFLOW } from '../../src/domain/workflows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

interface Transcript {
  passages: {
    text: string;
    late: boolean;
    lateByMs: number;
    eventTime: string;
    capturedAt: string;
    acceptedAt: string;
    searchableAt: string | null;
    sequence: number | null;
    segmentIndex: number | null;
    interactionId: string;
    place: { startMs: number };
  }[];
  gaps: { of: string; from: number; to: number }[];
  records: Record<string, number>;
  nextOffset: number | null;
}
const transcript = async (path: string) =>
  (await earshot.request<Transcript>('GET', `/v1/${path.replace('?', '/transcript?')}`)).body;
const chat = (name: string, query = '') => transcript(`chats/${name}?${query}`);

interface Window {
  modality: string;
  from: string;
  revision: number;
  closedAt: string | null;
  counts: Record<string, number>;
  corrected: Record<string, number>;
  corrections: { delta: Record<string, number>; why: string }[];
}
async function windows(sinceMs: number): Promise<Window[]> {
  const range = `from=${encodeURIComponent(ago(sinceMs))}&to=${encodeURIComponent(ago(-HOUR))}`;
  return (await earshot.request<{ windows: Window[] }>('GET', `/v1/rollups?${range}`)).body.windows;
}
let runs = 0;
const rollUp = () =>
  earshot.temporal.execute(ROLLUP_WORKFLOW, { workflowId: `rollup ${(runs += 1)}`, taskQueue: 'batch', args: [] });
const setDial = (name: string, value: number) => earshot.request('PUT', `/v1/dials/${name}`, { value });
const settledAll = () =>
  until('nothing waits', async () => {
    const states = `select from freshness where state in ('accepted', 'processing')`;
    return (await earshot.database.query(states)).length === 0;
  });

describe('a message that comes 40 minutes late', () => {
  it('lies at its place in its conversation, with all its times and its mark, and spoils no percentile', async () => {
    const say = (text: string, sentAt: string) =>
      earshot.message({ conversationId: 'mobile', customerId: 'mobile', text, sentAt });
    await say('before the tunnel', ago(50 * MINUTE));
    const now = await say('after the tunnel', ago(0));
    const late = await say('within the tunnel', ago(40 * MINUTE));
    await earshot.settled(late.body.interactionId, 'reachable');
    await earshot.settled(now.body.interactionId, 'reachable');
    const { passages } = await chat('mobile');
    expect(passages.map(({ text, late }) => [text, late])).toEqual([
      ['before the tunnel', true],
      ['within the tunnel', true],
      ['after the tunnel', false],
    ]);
    const { eventTime, capturedAt, acceptedAt, searchableAt, lateByMs } = passages[1]!;
    expect(eventTime).toBe(capturedAt);
    expect(Date.parse(acceptedAt) - Date.parse(capturedAt)).toBe(lateByMs);
    expect(searchableAt).not.toBeNull();
    expect(await earshot.interaction(late.body.interactionId)).toMatchObject({ late: true, lateByMs });
    const { results } = await earshot.retrieve({ query: 'within the tunnel', customerId: 'mobile', k: 1 });
    expect(results[0]).toMatchObject({ late: true, capturedAt, acceptedAt, eventTime });
    interface Freshness {
      modalities: { modality: string; count: number; late: { count: number }; total: { p99: number } }[];
    }
    const { body } = await earshot.request<Freshness>('GET', '/v1/freshness');
    expect(body.modalities).toMatchObject([{ modality: 'chat', count: 3, late: { count: 2 } }]);
    expect(body.modalities[0]!.total.p99).toBeLessThan(15 * MINUTE);
  });
});

describe('the order of a conversation', () => {
  const say = (conversationId: string, sequence: number, sentAt = ago(0)) =>
    earshot.request('POST', `/v1/chats/${conversationId}/messages`, {
      messageId: `${conversationId} ${sequence}`,
      customerId: 'counted',
      sentAt,
      author: 'customer',
      text: `number ${sequence}`,
      sequence,
    });

  it('is that of its numbers, whatever order they came in and whatever their clocks say', async () => {
    for (const sequence of [3, 1, 2]) expect((await say('shuffled', sequence)).status).toBe(202);
    expect((await chat('shuffled')).passages.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('tells a gap, which closes when its message comes', async () => {
    for (const sequence of [1, 3]) await say('gap', sequence);
    expect((await chat('gap')).gaps).toEqual([{ of: 'message', from: 2, to: 2 }]);
    await say('gap', 2);
    const { gaps, passages } = await chat('gap');
    expect(gaps).toEqual([]);
    expect(passages).toHaveLength(3);
  });

  it('is read in pages', async () => {
    const first = await chat('shuffled', 'limit=2');
    const second = await chat('shuffled', `limit=2&offset=${first.nextOffset}`);
    expect([...first.passages, ...second.passages].map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(second.nextOffset).toBeNull();
    expect((await earshot.request('GET', '/v1/chats/nobody/transcript')).status).toBe(404);
  });
});

it('the order of a call is that of its sound, with the second of each segment and those that are missing', async () => {
  const begun = Date.parse('2026-01-05T09:00:00Z');
  const at = (seconds: number) => new Date(begun + seconds * 1000).toISOString();
  const segment = async (index: number) => {
    models.transcript = `This is segment ${index}.`;
    const metadata = { customerId: 'caller', index, startedAt: at(index * 30), endedAt: at(index * 30 + 30) };
    const { body } = await earshot.upload('/v1/calls/parts/segments', 'audio', tone(3 + index), metadata);
    await earshot.settled(body.interactionId, 'reachable');
  };
  await segment(2);
  await segment(0);
  await earshot.request('POST', '/v1/calls/parts/end', { endedAt: at(120), segments: 4 });
  const parts = await transcript('calls/parts?');
  expect(parts.passages.map(({ text, place }) => [text, place.startMs])).toEqual([
    ['This is segment 0.', 0],
    ['This is segment 2.', 60_000],
  ]);
  const { results } = await earshot.retrieve({ query: 'This is segment 2', customerId: 'caller', k: 1 });
  expect(results[0]!.place).toEqual(parts.passages[1]!.place);
  expect(parts.gaps).toEqual([
    { of: 'segment', from: 1, to: 1 },
    { of: 'segment', from: 3, to: 3 },
  ]);
  await segment(3);
  await segment(1);
  const whole = await transcript('calls/parts?');
  expect(whole.gaps).toEqual([]);
  expect(whole.passages.map(({ segmentIndex }) => segmentIndex)).toEqual([0, 1, 2, 3]);
});

it('a customer without any history gets an honest empty answer, for which no model is asked', async () => {
  await settledAll();
  models.calls.length = 0;
  const body = { query: 'what happened so far?', customerId: 'nobody yet' };
  expect(await earshot.retrieve(body)).toMatchObject({ history: 'none', results: [], pending: [], degraded: [] });
  expect(await earshot.retrieve({ ...body, mode: 'vector' })).toMatchObject({ history: 'none', results: [] });
  expect(models.calls).toEqual([]);
  await earshot.retrieve({ ...body, customerId: 'mobile' });
  expect(models.calls).toHaveLength(1);
});

/** Records by hour and modality, counted by another way than the product does. */
async function bruteForce(): Promise<Map<string, object>> {
  const rows = await earshot.database.query<{ modality: string; at: Date; late: boolean; words: string[] }>(
    `select i.modality, i.captured_at as at, i.accepted_at - i.captured_at > interval '15 minutes' as late,
       array(select c.text from chunk c where c.interaction_id = i.interaction_id) as words
     from interaction i`,
  );
  const counted = new Map<string, { records: number; late: number; words: number }>();
  for (const { modality, at, late, words } of rows) {
    const key = `${modality} ${at.toISOString().slice(0, 13)}`;
    const seen = counted.get(key) ?? { records: 0, late: 0, words: 0 };
    seen.records += 1;
    seen.late += late ? 1 : 0;
    seen.words += words.join(' ').split(/\s+/).filter(Boolean).length;
    counted.set(key, seen);
  }
  return counted;
}

describe('windows of counts', () => {
  it('equal a count of all rows after three days came in any order and partly twice', async () => {
    models.transcript = 'A segment of a call that lasted for days.';
    const random = shuffler(7);
    const day = 24 * HOUR;
    const base = Math.floor((Date.now() - 3 * day) / HOUR) * HOUR;
    const events = Array.from({ length: 200 }, (_, index) => ({ index, at: base + Math.floor(random() * 3 * day) }));
    const send = ({ index, at }: { index: number; at: number }) => {
      const sentAt = new Date(at).toISOString();
      if (index % 10 > 0) {
        const conversationId = `days-${index % 3}`;
        const customerId = `c${index % 3}`;
        return earshot.message({ conversationId, customerId, messageId: `d${index}`, sentAt, text: `event ${index}` });
      }
      const metadata = { customerId: 'days', index, startedAt: new Date(at - 3_000).toISOString(), endedAt: sentAt };
      return earshot.upload(`/v1/calls/days-${index}/segments`, 'audio', tone(2), metadata);
    };
    const deliveries = [...events, ...events.filter(({ index }) => index % 4 === 0)]
      .map((event) => ({ event, key: random() }))
      .sort((one, other) => one.key - other.key);
    while (deliveries.length > 0) {
      const answers = await Promise.all(deliveries.splice(0, 50).map(({ event }) => send(event)));
      expect(answers.map(({ status }) => status).filter((status) => status !== 202)).toEqual([]);
      await rollUp();
    }
    await settledAll();
    await rollUp();
    const seen = new Map(
      (await windows(500 * day))
        .filter(({ corrected }) => corrected['records']! > 0)
        .map(({ modality, from, corrected: { records, late, words } }) => [
          `${modality} ${from.slice(0, 13)}`,
          { records, late, words },
        ]),
    );
    expect(seen).toEqual(await bruteForce());
    let passages = 0;
    for (const name of ['days-0', 'days-1', 'days-2']) {
      const times = (await chat(name)).passages.map(({ eventTime }) => eventTime);
      expect(times).toEqual([...times].sort());
      passages += times.length;
    }
    expect(passages).toBe(180);
  });

  it('that nothing came for are not revised', async () => {
    const revisions = async () =>
      (await windows(96 * HOUR)).map(({ from, revision, counts }) => [from, revision, counts]);
    const before = await revisions();
    await rollUp();
    expect(await revisions()).toEqual(before);
  });

  it('are opened again, corrected, held open or not kept for a late record, as the dials say', async () => {
    const windowAt = async (ms: number) => {
      const from = new Date(Math.floor(Date.parse(ago(ms)) / HOUR) * HOUR).toISOString();
      return (await windows(120 * HOUR)).find((window) => window.modality === 'chat' && window.from === from);
    };
    const late = async (ms: number) => {
      const { body } = await earshot.message({ customerId: 'latecomer', conversationId: 'late', sentAt: ago(ms) });
      await earshot.settled(body.interactionId, 'reachable');
      await rollUp();
      return windowAt(ms);
    };
    await setDial('rollup.reopen_max_ms', 6 * HOUR);
    await rollUp();
    const young = await windowAt(3 * HOUR);
    const reopened = await late(3 * HOUR);
    expect(reopened!.revision).toBe((young?.revision ?? 0) + 1);
    expect(reopened!.counts['records']).toBe((young?.counts['records'] ?? 0) + 1);
    expect(reopened!.closedAt).not.toBeNull();
    expect(reopened!.corrections).toEqual([]);

    const old = await windowAt(10 * HOUR);
    const corrected = await late(10 * HOUR);
    expect(corrected!.revision).toBe(old?.revision ?? 0);
    expect(corrected!.counts).toEqual(old?.counts ?? corrected!.counts);
    expect(corrected!.corrections).toMatchObject([
      { delta: { records: 1, reachable: 1, late: 1 }, why: 'came_after_the_cutoff' },
    ]);
    expect(corrected!.corrected['records']).toBe((old?.counts['records'] ?? 0) + 1);
    await rollUp();
    expect(await windowAt(10 * HOUR)).toEqual(corrected);

    await setDial('rollup.delay_ms', 24 * HOUR);
    expect((await late(4 * HOUR))!.closedAt).toBeNull();

    await setDial('rollup.keep_days', 1);
    expect(await late(30 * HOUR)).toBeUndefined();
    const oldest = (await windows(120 * HOUR))[0]!;
    expect(Date.parse(oldest.from)).toBeGreaterThanOrEqual(Date.now() - 25 * HOUR);
  });
});

/** Numbers from 0 to 1 that are the same each time: mulberry32. */
function shuffler(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

it('a conversation is as unknown as any from the moment at which its customer is erased', async () => {
  const { body } = await earshot.message({ conversationId: 'fenced', customerId: 'fenced', text: 'soon forgotten' });
  expect((await chat('fenced')).records['all']).toBe(1);
  await earshot.database.query(
    `update subject set erased_before = now()
     where customer_key = (select customer_key from interaction where interaction_id = $1)`,
    [body.interactionId],
  );
  const fenced = await earshot.request('GET', '/v1/chats/fenced/transcript');
  const unknown = await earshot.request('GET', '/v1/chats/nobody/transcript');
  expect([fenced.status, fenced.body]).toEqual([404, unknown.body]);
});
