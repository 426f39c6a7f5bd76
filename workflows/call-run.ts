import { condition } from '@temporalio/workflow';
import type { AudioPiece, AudioWorkItem, CallWork, FailureRecord } from '../src/domain/activities.ts';
import { failureOf } from './failure.ts';
import { audio, embedding, intake } from './proxies.ts';
import { makeRedactedCopy } from './redacted-copy.ts';

export interface CallProgress {
  readonly recordings: number;
  readonly pieces: number;
  readonly piecesDone: number;
  readonly failures: number;
  /** Segments that the end of the call announced and that have not come. */
  readonly missingSegments: number;
}

/** The recordings of one call that a run has begun, with a bound on the pieces that are recognised at a time. */
export class CallRun {
  readonly #tenant: string;
  readonly #begun = new Set<string>();
  #recordingsActive = 0;
  #piecesActive = 0;
  #piecesInParallel = 1;
  #fault: Error | undefined;
  #progress: CallProgress = { recordings: 0, pieces: 0, piecesDone: 0, failures: 0, missingSegments: 0 };

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  get progress(): CallProgress {
    return this.#progress;
  }

  get busy(): boolean {
    return this.#recordingsActive > 0 && this.#fault === undefined;
  }

  describe(): string {
    const { recordings, pieces, piecesDone, failures, missingSegments } = this.#progress;
    return `${piecesDone} of ${pieces} pieces of ${recordings} recordings done, ${failures} failed, ${missingSegments} missing`;
  }

  /** Begins what this run has not begun yet, and what an operator has had run again since. */
  begin(work: CallWork): void {
    this.#piecesInParallel = work.piecesInParallel;
    this.#progress = { ...this.#progress, missingSegments: work.missingSegments };
    for (const item of work.items.filter((each) => !this.#begun.has(attemptOf(each)))) {
      this.#begun.add(attemptOf(item));
      this.#recordingsActive += 1;
      this.#progress = { ...this.#progress, recordings: this.#progress.recordings + 1 };
      this.#recording(item)
        .catch((error: unknown) => (this.#fault = error instanceof Error ? error : new Error('a step failed')))
        .finally(() => (this.#recordingsActive -= 1));
    }
  }

  /** What a recording met that is no failure of its own, such as the run's cancellation. */
  throwIfFaulted(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #recording(item: AudioWorkItem): Promise<void> {
    const pieces = await this.#plan(item);
    this.#progress = { ...this.#progress, pieces: this.#progress.pieces + pieces.length };
    await Promise.all(pieces.map((piece) => this.#piece(item, piece)));
    const record = { tenant: this.#tenant, interactionId: item.interactionId };
    await makeRedactedCopy(() => audio('silence what was redacted').redactSound(record));
  }

  async #plan({ interactionId, cut, durationMs }: AudioWorkItem): Promise<readonly AudioPiece[]> {
    const whole = [{ index: 0, startMs: 0, endMs: durationMs }];
    if (!cut) return whole;
    try {
      return await audio(`cut ${Math.round(durationMs / 1000)} s`).planPieces({ tenant: this.#tenant, interactionId });
    } catch (error) {
      await this.#failed(interactionId, 'transcript', 0, error);
      return [];
    }
  }

  async #piece({ interactionId, cut }: AudioWorkItem, piece: AudioPiece): Promise<void> {
    await condition(() => this.#piecesActive < this.#piecesInParallel);
    this.#piecesActive += 1;
    const record = { tenant: this.#tenant, interactionId };
    const seconds = `${Math.round(piece.startMs / 1000)}–${Math.round(piece.endMs / 1000)} s`;
    let step: FailureRecord['kind'] = 'transcript';
    try {
      const { artifactId } = await audio(`hear ${seconds}`).transcribePiece({ ...record, piece, whole: !cut });
      step = 'index';
      await embedding(`index ${seconds}`).indexArtifacts({ ...record, artifactIds: [artifactId] });
      this.#progress = { ...this.#progress, piecesDone: this.#progress.piecesDone + 1 };
    } catch (error) {
      await this.#failed(interactionId, step, piece.index, error);
    } finally {
      this.#piecesActive -= 1;
    }
  }

  async #failed(interactionId: string, kind: FailureRecord['kind'], piece: number, error: unknown): Promise<void> {
    const why = failureOf(error);
    this.#progress = { ...this.#progress, failures: this.#progress.failures + 1 };
    await intake.recordFailure({ tenant: this.#tenant, interactionId, kind, piece, ...why });
  }
}

function attemptOf({ interactionId, attempt = 0 }: AudioWorkItem): string {
  return `${interactionId}/${attempt}`;
}
