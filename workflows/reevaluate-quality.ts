import {
  continueAsNew,
  defineQuery,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  ReevaluationCounts,
  ReevaluationCursor,
  ReevaluationPage,
  ReevaluationRef,
} from '../src/domain/activities.ts';
import { PROGRESS_QUERY } from '../src/domain/workflows.ts';
import { indexReleased } from './index-released.ts';
import { quality } from './proxies.ts';
import { ReleasedCopies } from './released-copies.ts';

export interface ReevaluationProgress extends ReevaluationCounts {
  /** What is to be let go waits for its model, which is paused. */
  readonly waits: boolean;
}

export const reevaluationProgressQuery = defineQuery<ReevaluationProgress>(PROGRESS_QUERY);

type Move = ReevaluationPage['moves'][number];

/** Where a run takes over from the one before it. */
interface Position {
  /**
   * What this pass moves: what is held back goes first, for it needs no model. Absent in runs of before there were two
   * passes, which move both at once.
   */
  readonly only?: Move['move'] | undefined;
  readonly after: ReevaluationCursor | null;
  readonly counts: ReevaluationCounts;
  /** Let go when their model was paused: not reachable by vector yet. */
  readonly unindexed?: readonly Move[];
  /** Looked at since `after`, and found again there because they stay as they are. */
  readonly stayed?: readonly string[];
  /** Whose redacted copy the run before has not seen made. */
  readonly copies?: readonly Move[];
}

const BEGINNING: Position = { after: null, counts: { checked: 0, released: 0, heldBack: 0 } };

/** Between looks whether the model runs: twice as long each time. */
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [2_000, 60_000];

/**
 * Moves what changed thresholds ask for, page by page: first what is held back, then what is let go. A page is found again
 * until it is done, so none is left out. While the model is paused nothing is let go, which could not be found by its
 * meaning.
 */
export async function reevaluateQuality(ref: ReevaluationRef, from?: Position): Promise<ReevaluationCounts> {
  const inPasses = patched('re-evaluation-in-passes');
  let position: Position = from ?? (inPasses ? { ...BEGINNING, only: 'hold_back' } : BEGINNING);
  let waits = 0;
  const copies = new ReleasedCopies(inPasses);
  copies.begin(position.copies ?? []);
  setHandler(reevaluationProgressQuery, () => ({ ...position.counts, waits: waits > 0 }));
  for (;;) {
    const page = await findPage(ref, position);
    if (mustWait(page, position)) {
      waits += 1;
      tell(position.counts, '; waits for a paused model');
      await sleep(Math.min(FIRST_WAIT_MS * 2 ** (waits - 1), LONGEST_WAIT_MS));
    } else {
      waits = 0;
      const { finished, ...applied } = await applyPage(ref, page, position, copies);
      position = applied;
      tell(position.counts);
      await quality('note the progress').noteReevaluation({ ...ref, ...position.counts, finished });
      if (finished) {
        await copies.made();
        return position.counts;
      }
    }
    if (workflowInfo().continueAsNewSuggested) {
      if (!inPasses) await copies.made();
      await continueAsNew<typeof reevaluateQuality>(ref, { ...position, copies: copies.left() });
    }
  }
}

async function findPage(ref: ReevaluationRef, { after, only, stayed = [] }: Position): Promise<ReevaluationPage> {
  const page = await quality('find what moves').findMoves({ ...ref, after, only });
  return { ...page, moves: page.moves.filter(({ artifactId }) => !stayed.includes(artifactId)) };
}

function mustWait({ paused, moves }: ReevaluationPage, { unindexed = [] }: Position): boolean {
  return paused === true && (unindexed.length > 0 || moves.some(({ move }) => move === 'release'));
}

function tell({ checked, released, heldBack }: ReevaluationCounts, more = ''): void {
  setCurrentDetails(`${checked} looked at, ${released} released, ${heldBack} held back${more}`);
}

/** Applies a page, and indexes what a pause left. */
async function applyPage(
  ref: ReevaluationRef,
  page: ReevaluationPage,
  { only, after, counts, unindexed = [], stayed = [] }: Position,
  copies: ReleasedCopies,
): Promise<Position & { readonly finished: boolean }> {
  const callerWaits = page.paused !== undefined;
  const all = [
    ...unindexed.map((move) => ({ move, outcome: index(move, callerWaits) })),
    ...page.moves.map((move) => ({ move, outcome: applied(ref, move, callerWaits) })),
  ];
  const outcomes = await Promise.all(all.map(({ outcome }) => outcome));
  const movesThat = (what: Outcome) => all.filter((_, at) => outcomes[at] === what).map(({ move }) => move);
  const released = movesThat('released');
  copies.begin(released);
  const left = movesThat('waits');
  const passed = left.length === 0 && page.next === null;
  return {
    only: passed ? 'release' : only,
    // What a pause left has the page found again: what is done is not on it any more.
    after: left.length > 0 ? after : page.next,
    counts: {
      checked: counts.checked + page.moves.length,
      released: counts.released + released.length,
      heldBack: counts.heldBack + movesThat('held_back').length,
    },
    unindexed: left,
    stayed: left.length > 0 ? [...stayed, ...movesThat('stays').map(({ artifactId }) => artifactId)] : [],
    finished: passed && only !== 'hold_back',
  };
}

type Outcome = 'released' | 'held_back' | 'stays' | 'waits';

async function applied(ref: ReevaluationRef, move: Move, callerWaits: boolean): Promise<Outcome> {
  const outcome = await quality(move.move === 'release' ? 'release' : 'hold back').applyMove({ ...move, ...ref });
  return outcome === 'index' ? index(move, callerWaits) : outcome;
}

async function index(move: Move, callerWaits: boolean): Promise<Outcome> {
  const outcome = await indexReleased(move, callerWaits);
  if (outcome === 'waits') return 'waits';
  return outcome === 'indexed' ? 'released' : 'stays';
}
