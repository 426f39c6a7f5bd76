import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { turnsFor } from '../../activities/background-model.ts';
import { untilOver } from '../../activities/reindex/fill.ts';
import { embedByPortions } from '../../activities/write-beside.ts';
import { BackgroundTurns } from '../../src/background-turns.ts';
import { dialValues } from '../../src/domain/dials.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import type { Evidence } from '../../src/domain/index-version.ts';
import type { LiveTraffic } from '../../src/domain/yielding.ts';
import { embeddingInTurns } from '../../src/models/embedding-in-turns.ts';
import { standing, withStanding } from '../../src/sources/background.ts';
import { until } from '../support/until.ts';

function openTurns(first: LiveTraffic) {
  const dials = dialValues([{ name: 'reindex.min_share_beside_live', value: 0.01 }]);
  const state = { live: first, looks: 0 };
  const turns = new BackgroundTurns({
    dials: { get: (name) => dials[name] },
    liveTraffic: { look: () => Promise.resolve({ ...state.live, looks: (state.looks += 1) }) },
    pauseMayBeOver: (signal) => delay(5, undefined, { signal }),
    onTurn: () => undefined,
  });
  const sent: string[][] = [];
  const embed = async (texts: readonly string[]) => {
    sent.push([...texts]);
    // What a request takes decides for how long the next one is held back.
    await delay(50);
    return texts.map((text) => [Number(text)]);
  };
  return { state, sent, turns, model: embeddingInTurns({ model: 'm', dimensions: 1, embed }, turns) };
}

const NUMBERS = Array.from({ length: 11 }, (_, index) => String(index));
const signal = AbortSignal.timeout(30_000);

it('texts are cut to the size of a turn; vectors come in the order of the texts', async () => {
  const { state, sent, model } = openTurns({ waiting: false, quietMs: null });
  expect(await model.embed(NUMBERS, signal)).toEqual(NUMBERS.map((text) => [Number(text)]));
  expect(sent.map(({ length }) => length)).toEqual([8, 3]);
  state.live = { waiting: false, quietMs: 0 };
  await model.embed(NUMBERS, signal);
  expect(sent.slice(2).map(({ length }) => length)).toEqual([2, 2, 2, 2, 2, 1]);
});

it('nothing is sent while a message waits; who gives up leaves the turn to the next', async () => {
  const { state, sent, model } = openTurns({ waiting: false, quietMs: null });
  await model.embed(['0'], signal);
  state.live = { waiting: true, quietMs: 0 };
  state.looks = 0;
  const abort = new AbortController();
  const givenUp = model.embed(['1'], abort.signal);
  const patient = model.embed(['2'], signal);
  await until('several looks were made', () => state.looks > 3);
  abort.abort();
  await expect(givenUp).rejects.toThrow('abort');
  expect(sent).toEqual([['0']]);
  state.live = { waiting: false, quietMs: 0 };
  expect(await patient).toEqual([[2]]);
  expect(sent).toEqual([['0'], ['2']]);
});

it('a model that is paused holds up no other one, and is asked again when it runs', async () => {
  const { turns, model } = openTurns({ waiting: false, quietMs: 0 });
  let asked = 0;
  let isPaused = true;
  const gated = () => {
    asked += 1;
    // As the gate: it keeps whoever waits pauses out, and refuses all others.
    if (isPaused && standing().waitsOutPauses) return new Promise<string>(() => undefined);
    return isPaused ? Promise.reject(new EarshotError('model_paused', 'paused')) : Promise.resolve('answer');
  };
  const patient = { behindLive: true, waitsOutPauses: true };
  const waiting = withStanding(patient, () => turns.take(signal, gated));
  const abort = new AbortController();
  const cancelled = withStanding(patient, () => turns.take(abort.signal, gated));
  await until('both were asked twice', () => asked > 4);
  expect(await model.embed(['1'], signal)).toEqual([[1]]);
  abort.abort();
  await expect(cancelled).rejects.toThrow('abort');
  isPaused = false;
  expect(await waiting).toBe('answer');
});

it('who gives up while the turns of others last is not kept', async () => {
  const { turns } = openTurns({ waiting: false, quietMs: 0 });
  const begun = Promise.withResolvers<void>();
  const never = () => (begun.resolve(), new Promise<void>(() => undefined));
  void turns.take(signal, never);
  await begun.promise;
  const aborts = [new AbortController(), new AbortController()] as const;
  const [next, behind] = aborts.map((abort) => turns.take(abort.signal, never));
  aborts[1].abort();
  await expect(behind).rejects.toThrow('abort');
  aborts[0].abort();
  await expect(next).rejects.toThrow('abort');
});

it('for an operator who waits, requests have their usual size and none is held back', async () => {
  const dials = dialValues([]);
  const deps = {
    dials: { get: (name: keyof typeof dials) => dials[name] },
    backgroundTurns: { take: () => Promise.reject(new Error('held back')) },
  };
  const evidence = {} as Evidence;
  for (const version of [{ state: 'retired', evidence: null } as const, { state: 'building', evidence } as const]) {
    expect(await turnsFor(deps, version).take(signal, (texts) => Promise.resolve(texts))).toBe(8);
  }
  for (const version of [{ state: 'building', evidence: null } as const, { state: 'live', evidence } as const]) {
    expect(turnsFor(deps, version)).toBe(deps.backgroundTurns);
  }
});

it('a walk whose time is over stops after those that it has begun, with none left out before', async () => {
  const items = [0, 1, 2, 3, 4, 5];
  const gates = items.map(() => Promise.withResolvers<void>());
  const begun: number[] = [];
  let over = false;
  const walk = untilOver(
    items,
    2,
    () => over,
    (item) => {
      begun.push(item);
      return gates[item]!.promise;
    },
  );
  gates[1]!.resolve();
  await until('the third has begun', () => begun.length === 3);
  over = true;
  gates[2]!.resolve();
  gates[0]!.resolve();
  expect(await walk).toBe(3);
  expect(begun).toEqual([0, 1, 2]);
  begun.length = 0;
  expect(
    await untilOver(
      [0],
      2,
      () => over,
      () => Promise.resolve(),
    ),
  ).toBe(1);
});

it('vectors for a version beside are asked for one request at a time, and those that were made are stored', async () => {
  const abort = new AbortController();
  let underWay = 0;
  const embed = async (texts: readonly string[]) => {
    expect((underWay += 1)).toBe(1);
    await delay(5);
    underWay -= 1;
    return texts.map((text) => [Number(text)]);
  };
  const chunks = NUMBERS.map((text) => ({ chunk_id: text, text }));
  const stored = { first: [] as string[], second: [] as string[] };
  const keep = (whose: 'first' | 'second', then: () => void) => (rows: readonly { readonly chunkId: string }[]) => {
    stored[whose].push(...rows.map(({ chunkId }) => chunkId));
    return Promise.resolve(then());
  };
  const model = { model: 'm', dimensions: 1, embed };
  const late = embedByPortions(
    model,
    chunks,
    4,
    abort.signal,
    keep('first', () => abort.abort()),
  );
  const inTime = embedByPortions(
    model,
    chunks,
    4,
    signal,
    keep('second', () => undefined),
  );
  await expect(late).rejects.toThrow('abort');
  await inTime;
  expect(stored).toEqual({ first: NUMBERS.slice(0, 4), second: NUMBERS });
});
