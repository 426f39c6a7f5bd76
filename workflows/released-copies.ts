import type { ReevaluationPage } from '../src/domain/activities.ts';
import { copyReleased } from './redacted-copy.ts';

type Move = ReevaluationPage['moves'][number];

/** More than what one run lets go before it continues as another, and few enough to be handed to that one. */
const MOST_OPEN = 500;

/**
 * The redacted copies that a look at the past has made anew, one at a time for each record: behind all that comes in, so
 * that pages never wait for them. A copy past the bound is made when it is first viewed.
 */
export class ReleasedCopies {
  readonly #open = new Map<string, { latest: Move; readonly made: Promise<void> }>();
  readonly #byRecord: boolean;

  /** @param byRecord false in runs of before copies were bounded: one for each artifact. */
  constructor(byRecord: boolean) {
    this.#byRecord = byRecord;
  }

  /** @param moves let go together: one copy shows all of them. */
  begin(moves: readonly Move[]): void {
    const byKey = new Map(moves.map((move) => [this.#byRecord ? move.interactionId : move.artifactId, move]));
    for (const [key, move] of byKey) {
      const open = this.#open.get(key);
      if (open !== undefined) open.latest = move;
      else if (!this.#byRecord || this.#open.size < MOST_OPEN) {
        this.#open.set(key, { latest: move, made: this.#make(key, move) });
      }
    }
  }

  /** What the next run has made, for this one leaves it. */
  left(): Move[] {
    return [...this.#open.values()].map(({ latest }) => latest);
  }

  async made(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ made }) => made));
  }

  /** Once more when something else of the record was let go meanwhile. */
  async #make(key: string, move: Move): Promise<void> {
    await copyReleased(move, move.kind, true);
    const latest = this.#open.get(key)?.latest ?? move;
    if (latest !== move) return this.#make(key, latest);
    this.#open.delete(key);
  }
}
