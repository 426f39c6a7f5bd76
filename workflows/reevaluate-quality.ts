import { continueAsNew, defineQuery, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type {
  ReevaluationCounts,
  ReevaluationCursor,
  ReevaluationPage,
  ReevaluationRef,
} from '../src/domain/activities.ts';
import { PROGRESS_QUERY } from '../src/domain/workflows.ts';
import { indexReleased } from './index-released.ts';
import { quality } from './proxies.ts';

export const reevaluationProgressQuery = defineQuery<ReevaluationCounts>(PROGRESS_QUERY);

/** Where a run takes over from the one before it. */
interface Position {
  readonly after: ReevaluationCursor | null;
  readonly counts: ReevaluationCounts;
}

const BEGINNING: Position = { after: null, counts: { checked: 0, released: 0, heldBack: 0 } };

/** Moves what changed thresholds ask for, page by page. A page is found again until it is done, so none is left out. */
export async function reevaluateQuality(ref: ReevaluationRef, from: Position = BEGINNING): Promise<ReevaluationCounts> {
  let { after, counts } = from;
  setHandler(reevaluationProgressQuery, () => counts);
  for (;;) {
    const page = await quality('find what moves').findMoves({ ...ref, after });
    const moved = await Promise.all(page.moves.map((move) => applied(ref, move)));
    counts = {
      checked: counts.checked + moved.length,
      released: counts.released + moved.filter((outcome) => outcome === 'released').length,
      heldBack: counts.heldBack + moved.filter((outcome) => outcome === 'held_back').length,
    };
    after = page.next;
    setCurrentDetails(`${counts.checked} looked at, ${counts.released} released, ${counts.heldBack} held back`);
    await quality('note the progress').noteReevaluation({ ...ref, ...counts, finished: after === null });
    if (after === null) return counts;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof reevaluateQuality>(ref, { after, counts });
  }
}

async function applied(
  ref: ReevaluationRef,
  move: ReevaluationPage['moves'][number],
): Promise<'released' | 'held_back' | 'stays'> {
  const outcome = await quality(move.move === 'release' ? 'release' : 'hold back').applyMove({ ...move, ...ref });
  if (outcome !== 'index') return outcome;
  return (await indexReleased(move)) === 'indexed' ? 'released' : 'stays';
}
