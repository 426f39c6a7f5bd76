import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BackgroundTurns } from '../../src/background-turns.ts';
import { dialValues } from '../../src/domain/dials.ts';
import type { LiveTraffic } from '../../src/domain/yielding.ts';
import { embeddingInTurns } from '../../src/models/embedding-in-turns.ts';
import { until } from '../support/until.ts';

function openTurns(first: LiveTraffic) {
  const dials = dialValues([{ name: 'reindex.min_share_beside_live', value: 0.01 }]);
  const state = { live: first, looks: 0 };
  const turns = new BackgroundTurns({
    dials: { get: (name) => dials[name] },
    liveTraffic: { look: () => Promise.resolve({ ...state.live, looks: (state.looks += 1) }) },
    onTurn: () => undefined,
  });
  const sent: string[][] = [];
  const embed = async (texts: readonly string[]) => {
    sent.push([...texts]);
    // What a request takes decides for how long the next one is held back.
    await delay(50);
    return texts.map((text) => [Number(text)]);
  };
  return { state, sent, model: embeddingInTurns({ model: 'm', dimensions: 1, embed }, turns) };
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
