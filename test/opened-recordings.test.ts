import { expect, it } from 'vitest';
import { OpenedRecordings } from '../src/opened-recordings.ts';

const NEVER = new AbortController().signal;

it('all pieces of a recording open it once, and whoever gives up leaves it to the others', async () => {
  const recordings = new OpenedRecordings();
  const opening = Promise.withResolvers<Buffer>();
  let opened = 0;
  const open = () => {
    opened += 1;
    return opening.promise;
  };
  const leaving = new AbortController();
  const left = recordings.get('a', open, leaving.signal);
  const waits = recordings.get('a', open, NEVER);
  leaving.abort(new Error('cancelled'));
  await expect(left).rejects.toThrow('cancelled');
  opening.resolve(Buffer.from('sound'));
  expect(await waits).toEqual(Buffer.from('sound'));
  expect(await recordings.get('a', open, NEVER)).toBe(await waits);
  expect(opened).toBe(1);
});

it('one that could not be opened is opened by the next', async () => {
  const recordings = new OpenedRecordings();
  const failure = new Error('the store is away');
  await expect(recordings.get('a', () => Promise.reject(failure), NEVER)).rejects.toBe(failure);
  expect(await recordings.get('a', () => Promise.resolve(Buffer.from('b')), NEVER)).toEqual(Buffer.from('b'));
});
