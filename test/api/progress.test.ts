import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchProgress } from '../../src/api/event-stream.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { fillWithRecords } from '../support/many-records.ts';
import { findVersion, requestReindex, tell, type Version } from '../support/reindexes.ts';
import { requestReplay } from '../support/replays.ts';
import { until } from '../support/until.ts';

const TEXTS = 600;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const dials = {
    'progress.look_every_ms': 20,
    'progress.heartbeat_ms': 50,
    'sla.flush_ms': 100,
    'reindex.batch_chunks': 100,
    'reindex.max_chunks_per_second': 200,
    'reindex.sample_size': 5,
    'replay.page_records': 1,
  };
  earshot = await startEarshot({ models, dials });
  await fillWithRecords(earshot.database, TEXTS / 300);
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface Told {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A stream as a client reads it: its events, and how many comments came, so far. */
interface Watched {
  readonly status: number;
  readonly type: string | null;
  readonly events: Told[];
  comments: number;
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>;
  leave(): Promise<void>;
}

async function watch(path: string): Promise<Watched> {
  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}${path}`, {
    headers: { authorization: `Bearer ${API_KEY}` },
    signal: leaving.signal,
  });
  const { status, headers, body } = response;
  const read = async () => {
    let rest = '';
    for await (const part of body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) take(block);
    }
    expect(rest).toBe('');
  };
  const take = (block: string) => {
    if (block.startsWith(':')) watched.comments += 1;
    const [, event, data] = /^event: (\w+)\ndata: (.+)$/.exec(block) ?? [];
    if (event !== undefined) watched.events.push({ event, data: JSON.parse(data!) as Record<string, unknown> });
  };
  const watched: Watched = {
    status,
    type: headers.get('content-type'),
    events: [],
    comments: 0,
    ended: Promise.resolve().then(read),
    leave: async () => {
      leaving.abort();
      await watched.ended.catch(() => undefined);
    },
  };
  return watched;
}

const building = async () => {
  const { body } = await earshot.request<{ versions: Version[] }>('GET', '/v1/index-versions');
  return body.versions.filter(({ state }) => state === 'building');
};

interface Numbers {
  step: string;
  total: number;
  added: number;
  unchanged: number;
  failed: number;
  left: number;
}
const numbersOf = ({ data }: Told) => data['progress'] as Numbers;

describe('the progress of a re-embedding', () => {
  it('is told as numbers while it goes on, to the last', async () => {
    const { body } = await requestReindex(earshot, { embeddingModel: 'fake-512', dimensions: 512 });
    const watched = await watch(`/v1/index-versions/${body.version}/progress`);
    expect([watched.status, watched.type]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await watched.ended;
    expect(watched.events.at(-1)).toMatchObject({ event: 'done', data: { version: body.version, state: 'building' } });
    expect(numbersOf(watched.events.at(-1)!)).toMatchObject({ step: 'ready', total: TEXTS, added: TEXTS, failed: 0 });
    expect(watched.events.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true);
    const added = watched.events.map((event) => numbersOf(event).added ?? 0);
    expect(added).toEqual([...added].sort((a, b) => a - b));
    expect(added.filter((count) => count > 0 && count < TEXTS).length).toBeGreaterThan(0);
    const told = watched.events.map(({ data }) => JSON.stringify(data));
    expect(told.slice(1, -1).every((data, index) => data !== told[index])).toBe(true);
    expect((await findVersion(earshot, body.version)).progress).toEqual(numbersOf(watched.events.at(-1)!));
  });

  it('counts as a request that was answered, and not by how long it went on', async () => {
    await until('one is counted without its time', async () => {
      const [counted] = await earshot.database.query<{ untimed: number }>(`
        select sum(requests - coalesce((
          select sum(took[2 * pair]) from generate_series(1, cardinality(took) / 2) as pair
        ), 0))::integer as untimed
        from service_minute
        where kind = 'other'`);
      return counted?.untimed === 1;
    });
  });

  it('is told at once when it is over, and not found where there is none', async () => {
    const live = await watch('/v1/index-versions/1/progress');
    await live.ended;
    expect(live.events).toMatchObject([{ event: 'done', data: { version: 1, state: 'live' } }]);
    for (const path of ['index-versions/77', 'index-versions/x', 'replays/00000000-0000-8000-8000-000000000000']) {
      const { status, headers } = await earshot.request('GET', `/v1/${path}/progress`);
      expect([path, status, headers.get('content-type')]).toEqual([
        path,
        404,
        expect.stringContaining('application/problem+json'),
      ]);
    }
  });
});

describe('the progress of a replay', () => {
  it('is told as numbers while it goes on, to the last', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, (_, index) => earshot.message({ customerId: 'jo', text: `text ${index}` })),
    );
    for (const { body } of ids) await earshot.settled(body.interactionId, 'reachable');
    const replayId = await requestReplay(earshot, { customerId: 'jo' });
    const watched = await watch(`/v1/replays/${replayId}/progress`);
    await watched.ended;
    const last = { replayId, state: 'completed', records: { total: 3, seen: 3, unchanged: 3, failed: 0 } };
    expect(watched.events.at(-1)).toMatchObject({ event: 'done', data: last });
    const seen = watched.events.map(({ data }) => (data['records'] as { seen: number }).seen);
    expect(seen).toEqual([...seen].sort());
  });
});

describe('a stream of progress', () => {
  it('looks no more once its client is gone', async () => {
    let looks = 0;
    const first = { data: 0, final: false };
    const stream = watchProgress({ dials: { get: () => 20 } as never }, first, () => {
      looks += 1;
      return Promise.resolve({ data: looks, final: false });
    });
    const output = new PassThrough();
    const written = stream.write(output, new AbortController().signal);
    await until('it goes on', () => looks > 2);
    output.destroy();
    await written;
    const then = looks;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(looks).toBe(then);
  });

  it('gives signs of life where nothing moves, does not hold up the end of the process, and says then of nothing that it is done', async () => {
    const asked = { embeddingModel: 'fake-256', dimensions: 256, acknowledge: true };
    // The version of the test before is still being built, for nobody has activated it.
    for (const { version } of await building()) await tell(earshot, version, 'cancel');
    const { body } = await requestReindex(earshot, asked);
    await earshot.request('POST', `/v1/index-versions/${body.version}/pause`);
    const paused = () => findVersion(earshot, body.version).then(({ progress }) => progress.paused === true);
    await until('it rests', paused);
    const watched = await watch(`/v1/index-versions/${body.version}/progress`);
    await until('there is a sign of life', () => watched.comments > 0);
    const { child } = earshot.application!;
    child.kill('SIGTERM');
    await watched.ended;
    expect(watched.events.map(({ event }) => event)).not.toContain('done');
    await until('the process has ended', () => child.exitCode !== null);
    expect(child.exitCode).toBe(0);
  });
});
