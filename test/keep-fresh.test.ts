import { expect, it } from 'vitest';
import { keepFresh } from '../src/keep-fresh.ts';

it('an answer that was asked for first and comes last does not replace what is known since', async () => {
  const answers = [Promise.resolve('start')];
  let known = '';
  const kept = await keepFresh(async () => {
    known = await answers.shift()!;
  }, 60_000);
  const slow = Promise.withResolvers<string>();
  answers.push(slow.promise, Promise.resolve('new'));
  const both = [kept.refresh(), kept.refresh()];
  slow.resolve('old');
  await Promise.all(both);
  expect(known).toBe('new');
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
