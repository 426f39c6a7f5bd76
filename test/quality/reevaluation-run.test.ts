import { beforeEach, expect, it, vi } from 'vitest';
import type { ReevaluationPage } from '../../src/domain/activities.ts';

type Move = ReevaluationPage['moves'][number];

/** Steps of the run, which a test answers: Temporal's server suggests to continue only after thousands of events. */
const steps = vi.hoisted(() => ({
  findMoves: vi.fn<(search: { only?: string }) => Promise<ReevaluationPage>>(),
  applyMove: vi.fn<(move: Move) => Promise<string>>(),
  noteReevaluation: vi.fn<() => Promise<void>>(),
  indexArtifacts: vi.fn<(record: { artifactIds: string[] }) => Promise<void>>(),
  redactSound: vi.fn<(record: { interactionId: string }) => Promise<void>>(),
  continueAsNew: vi.fn<(ref: object, position: object) => Promise<never>>(),
}));
const suggested = vi.hoisted(() => ({ at: (_looks: number): boolean => false }));

vi.mock(import('@temporalio/workflow'), async (original) => ({
  ...(await original()),
  patched: () => true,
  setHandler: () => {},
  setCurrentDetails: () => {},
  sleep: async () => {},
  proxyActivities: (() => steps) as never,
  proxyLocalActivities: (() => steps) as never,
  workflowInfo: (() => ({ continueAsNewSuggested: suggested.at(steps.findMoves.mock.calls.length) })) as never,
  continueAsNew: steps.continueAsNew as never,
}));

const { reevaluateQuality } = await import('../../workflows/reevaluate-quality.ts');
const { ApplicationFailure } = await import('@temporalio/workflow');

const ref = { tenant: 'default', reevaluationId: 'look' };
const release = (artifactId: string, interactionId = artifactId): Move => ({
  tenant: 'default',
  interactionId,
  artifactId,
  kind: 'transcript',
  move: 'release',
});
const cursor = { createdAt: '2026-01-05 09:00:00+00', artifactId: 'a' };
const EMPTY: ReevaluationPage = { moves: [], paused: false, next: null };
const never = () => new Promise<never>(() => {});

/** Pages of what is let go, one after the other; nothing is held back. */
function pages(...found: Partial<ReevaluationPage>[]): void {
  const left = found.map((page) => ({ ...EMPTY, ...page }));
  steps.findMoves.mockImplementation(({ only }) =>
    Promise.resolve(only === 'hold_back' ? EMPTY : (left.shift() ?? EMPTY)),
  );
}

beforeEach(() => {
  vi.resetAllMocks();
  suggested.at = () => false;
  steps.applyMove.mockResolvedValue('index');
  steps.continueAsNew.mockRejectedValue(new Error('continued'));
});

it('hands copies that nobody has made yet to the next run, which has them made, and waits for none', async () => {
  pages({ moves: [release('a1', 'a'), release('a2', 'a'), release('b')], next: cursor });
  steps.redactSound.mockImplementation(({ interactionId }) => (interactionId === 'a' ? never() : Promise.resolve()));
  // A step lets whatever is ready go on.
  steps.noteReevaluation.mockImplementation(() => new Promise((resolve) => setImmediate(resolve)));
  suggested.at = (looks) => looks >= 2;
  await expect(reevaluateQuality(ref)).rejects.toThrow('continued');
  expect(steps.redactSound.mock.calls).toEqual([
    [{ tenant: 'default', interactionId: 'a' }],
    [{ tenant: 'default', interactionId: 'b' }],
  ]);
  const position = steps.continueAsNew.mock.calls[0]![1] as Parameters<typeof reevaluateQuality>[1];
  expect(position).toMatchObject({ after: cursor, copies: [{ interactionId: 'a' }] });
  suggested.at = () => false;
  steps.redactSound.mockReset();
  expect(await reevaluateQuality(ref, position)).toMatchObject({ released: 3 });
  expect(steps.redactSound.mock.calls).toEqual([[{ tenant: 'default', interactionId: 'a' }]]);
});

it('has the copy of a record made once more when more of it is let go meanwhile', async () => {
  const first = Promise.withResolvers<void>();
  pages({ moves: [release('a1', 'a')], next: cursor }, { moves: [release('a2', 'a')] });
  steps.redactSound.mockImplementationOnce(() => first.promise);
  steps.noteReevaluation.mockImplementation(() => {
    if (steps.applyMove.mock.calls.length === 2) first.resolve();
    return Promise.resolve();
  });
  await reevaluateQuality(ref);
  expect(steps.redactSound).toHaveBeenCalledTimes(2);
});

it('judges and counts once what stays, though a pause has its page found again', async () => {
  const stays = release('stays');
  pages({ moves: [release('waits'), stays] }, { moves: [stays] });
  steps.applyMove.mockImplementation(({ artifactId }) => Promise.resolve(artifactId === 'stays' ? 'stays' : 'index'));
  steps.indexArtifacts.mockRejectedValueOnce(ApplicationFailure.nonRetryable('paused', 'model_paused'));
  expect(await reevaluateQuality(ref)).toEqual({ checked: 2, released: 1, heldBack: 0 });
  expect(steps.applyMove).toHaveBeenCalledTimes(2);
});
