import { expect, it } from 'vitest';
import { Bells } from '../../src/api/bells.ts';
import type { RingDependencies } from '../../src/api/ring-now.ts';
import { openLog } from '../../src/observe/log.ts';
import { openMetrics } from '../../src/observe/metrics.ts';
import type { RingTarget } from '../../src/temporal/ring.ts';
import { until } from '../support/until.ts';

const DIALS = {
  'sweep.ring_after_ms': 60_000,
  'intake.rings_at_once': 2,
  'intake.rings_waiting_max': 3,
  'intake.ring_timeout_ms': 60_000,
};

const target = (sessionId: string, more: Partial<RingTarget> = {}): RingTarget => ({
  tenant: 'default',
  sessionId,
  channel: 'chat',
  customerKey: 'c',
  workflowId: `chat/${sessionId}`,
  ...more,
});

/** Rings that end when the test says so. */
function heldBells(dials: Partial<typeof DIALS> = {}) {
  const begun: string[] = [];
  const held = new Map<string, PromiseWithResolvers<void>>();
  const ring: RingDependencies['ring'] = ({ sessionId }) => {
    begun.push(sessionId);
    const end = Promise.withResolvers<void>();
    held.set(sessionId, end);
    return end.promise;
  };
  const values: Record<string, number> = { ...DIALS, ...dials };
  const deps = {
    ring,
    dials: { get: (name: string) => values[name]! },
    metrics: openMetrics(),
    log: openLog('silent'),
  };
  return { bells: new Bells(deps), begun, end: (sessionId: string) => held.get(sessionId)!.resolve(), held };
}

it('who can ring at once is answered after it; the others are answered before, and ring in turn', async () => {
  const { bells, begun, end } = heldBells();
  let answered = false;
  const first = bells.ring(target('a')).then(() => (answered = true));
  void bells.ring(target('b'));
  for (const sessionId of ['c', 'd']) await bells.ring(target(sessionId));
  expect(begun).toEqual(['a', 'b']);
  expect(answered).toBe(false);
  end('a');
  await first;
  await until('the next rings', () => begun.length === 3);
  expect(begun).toEqual(['a', 'b', 'c']);
});

it('a ring that fails is left to the sweep, and the next has its turn', async () => {
  const { bells, begun, held } = heldBells({ 'intake.rings_at_once': 1 });
  void bells.ring(target('a'));
  await bells.ring(target('b'));
  held.get('a')!.reject(new Error('away'));
  await until('the next rings', () => begun.includes('b'));
});

it('where many wait, the answer waits for room, and for the ring timeout at most', async () => {
  const { bells, begun, end } = heldBells({ 'intake.rings_at_once': 1, 'intake.rings_waiting_max': 1 });
  void bells.ring(target('a'));
  await bells.ring(target('b'));
  let answered = false;
  const third = bells.ring(target('c')).then(() => (answered = true));
  await Promise.resolve();
  expect(answered).toBe(false);
  end('a');
  await third;
  expect(begun).toEqual(['a', 'b']);

  const impatient = heldBells({
    'intake.rings_at_once': 1,
    'intake.rings_waiting_max': 0,
    'intake.ring_timeout_ms': 1,
  });
  void impatient.bells.ring(target('a'));
  await impatient.bells.ring(target('b'));
  expect(impatient.begun).toEqual(['a']);
});

it('is drained when all have rung', async () => {
  const { bells, end, begun } = heldBells({ 'intake.rings_at_once': 1 });
  await bells.drained();
  void bells.ring(target('a'));
  await bells.ring(target('b'));
  let drained = false;
  const done = bells.drained().then(() => (drained = true));
  end('a');
  await until('the next rings', () => begun.length === 2);
  expect(drained).toBe(false);
  end('b');
  await done;
});

it('what is live rings first, and a tenant after the other', async () => {
  const { bells, begun, end } = heldBells({ 'intake.rings_at_once': 1, 'intake.rings_waiting_max': 10 });
  void bells.ring(target('begun'));
  await bells.ring(target('old', { workClass: 'bulk' }));
  for (const sessionId of ['a1', 'a2', 'a3']) await bells.ring(target(sessionId, { tenant: 'a' }));
  await bells.ring(target('b1', { tenant: 'b' }));
  for (const [index, sessionId] of ['begun', 'a1', 'b1', 'a2', 'a3'].entries()) {
    end(sessionId);
    await until('the next rings', () => begun.length === index + 2);
  }
  expect(begun).toEqual(['begun', 'a1', 'b1', 'a2', 'a3', 'old']);
});

it('what has waited until the sweep rings is left to it', async () => {
  const { bells, begun, end } = heldBells({ 'intake.rings_at_once': 1, 'sweep.ring_after_ms': 0 });
  const first = bells.ring(target('a'));
  await bells.ring(target('b'));
  end('a');
  await first;
  await bells.drained();
  expect(begun).toEqual(['a']);
});
