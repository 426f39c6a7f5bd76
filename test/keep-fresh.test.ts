import { expect, it } from 'vitest';
import { keepFresh } from '../src/keep-fresh.ts';
import { until } from './support/until.ts';

it('an answer that was asked for first and comes last does not replace what is known since', async () => {
  const answers = [Promise.resolve('start')];
  let known = '';
  let begun = 0;
  const kept = await keepFresh(async () => {
    begun += 1;
    known = await answers.shift()!;
  }, 60_000);
  const slow = Promise.withResolvers<string>();
  answers.push(slow.promise, Promise.resolve('new'));
  const first = kept.refresh();
  await until('it reads', () => begun === 2);
  // Those who ask while a read is under way share the next.
  const others = [kept.refresh(), kept.refresh()];
  slow.resolve('old');
  await Promise.all([first, ...others]);
  expect(known).toBe('new');
  expect(begun).toBe(3);
  kept.close();
});

it('what was known outlives a read that fails, and the next read is made', async () => {
  const answers = [Promise.resolve('known'), Promise.reject(new Error('away')), Promise.resolve('again')];
  answers[1]!.catch(() => undefined);
  let known = '';
  const kept = await keepFresh(async () => {
    known = await answers.shift()!;
  }, 60_000);
  await expect(kept.refresh()).rejects.toThrow('away');
  expect(known).toBe('known');
  await kept.refresh();
  expect(known).toBe('again');
  kept.close();
});
