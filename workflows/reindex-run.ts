import {
  ActivityFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  isCancellation,
  setCurrentDetails,
  startChild,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { ActivationOutcome, ChunkCursor, Verdict } from '../src/domain/activities.ts';
import { NO_COUNTS, type ReindexCounts, type ReindexProgress, type ReindexStep } from '../src/domain/index-version.ts';
import { paceOf } from '../src/domain/pace.ts';
import type { ReplayRef } from '../src/domain/replay.ts';
import {
  PAUSE_SIGNAL,
  REPLAY_WORKFLOW,
  replayWorkflowId,
  RESUME_SIGNAL,
  TENANT_ATTRIBUTE,
} from '../src/domain/workflows.ts';
import { failureReason } from './failure.ts';
import { reindexing as steps } from './proxies.ts';
import type { ReindexInput } from './reindex.ts';
import type { replay } from './replay.ts';

/** A step that failed for good is tried again after this, twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10 * 60_000;

/** Between two looks at what exists, without being told. */
const LOOK_AGAIN_MS = 60 * 60_000;

const TENANT = defineSearchAttributeKey(TENANT_ATTRIBUTE, SearchAttributeType.KEYWORD);

const REFUSED: ActivationOutcome = { activated: false, evidence: null, shortfalls: [] };

/** Ends what was under way when the version is cancelled, or was dropped by others. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

interface Activation {
  readonly version: number;
  outcome: ActivationOutcome | undefined;
}

/** One run of the workflow: what it was told, and what it tells of itself. */
export class ReindexRun {
  #progress: ReindexProgress;
  #workedMs: number;
  #cancelled = false;
  #gone = false;
  #refill = false;
  readonly #activations: Activation[] = [];
  readonly #indexVersion: number;

  constructor({ indexVersion, progress, workedMs = 0, paused = false }: ReindexInput) {
    this.#indexVersion = indexVersion;
    this.#workedMs = workedMs;
    this.#progress = progress ?? {
      ...NO_COUNTS,
      step: 'preparing',
      paused,
      total: 0,
      perSecond: null,
      estimatedEnd: null,
      blockedBy: null,
    };
  }

  get progress(): ReindexProgress {
    return this.#progress;
  }

  /** Whether it was cancelled, or dropped by others. */
  get over(): boolean {
    return this.#cancelled || this.#gone;
  }

  /** Whether anything waits to be done. */
  get asked(): boolean {
    return this.over || this.#refill || this.#activations.length > 0;
  }

  /** Nobody who asks for a switch waits for the end of a pause. */
  get #held(): boolean {
    return this.#progress.paused && this.#activations.length === 0;
  }

  pause(): void {
    this.#progress = { ...this.#progress, paused: true };
  }

  resume(): void {
    // Without a pause it is meant for the texts that were refused.
    this.#refill = !this.#progress.paused;
    this.#progress = { ...this.#progress, paused: false };
  }

  cancel(): void {
    this.#cancelled = true;
  }

  /** What the next run of this workflow begins with. */
  handover(indexVersion: number, after: ChunkCursor | null): ReindexInput {
    return { indexVersion, after, progress: this.#progress, workedMs: this.#workedMs, paused: this.#progress.paused };
  }

  /** Asks for a switch and answers what came of it. */
  async requestActivation(version: number): Promise<ActivationOutcome> {
    const activation: Activation = { version, outcome: undefined };
    this.#activations.push(activation);
    await condition(() => activation.outcome !== undefined);
    return activation.outcome!;
  }

  /**
   * Runs a step, again after a pause when it fails for good: what is built is not given up for an outage.
   *
   * @throws GivenUp as soon as the version is cancelled, but for the steps that drop it.
   */
  async step<T>(step: ReindexStep, action: () => Promise<T>): Promise<T> {
    this.#note({ step, blockedBy: null });
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await this.#unlessGivenUp(step, action);
      } catch (error) {
        const known = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
        if (isCancellation(error) || !known) throw error;
        this.#note({ blockedBy: error instanceof ActivityFailure ? failureReason(error) : 'unexpected' });
        await condition(() => this.over, pause);
      }
    }
  }

  async #unlessGivenUp<T>(step: ReindexStep, action: () => Promise<T>): Promise<T> {
    if (step === 'dropping') return action();
    if (this.over) throw new GivenUp();
    const scope = new CancellationScope();
    const running = scope.run(action);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([ended, condition(() => this.over)]);
    if (!this.over) return running;
    scope.cancel();
    await ended;
    throw new GivenUp();
  }

  /**
   * Has a replay recognise anew for this version. What steers this run steers it too.
   *
   * @throws GivenUp also when the replay is cancelled on its own: the version would be of two minds.
   */
  async remake(ref: ReplayRef): Promise<void> {
    const ended = await this.step('remaking', () => this.#runReplay(ref));
    if (ended === 'completed') return;
    this.#cancelled = true;
    throw new GivenUp();
  }

  async #runReplay(ref: ReplayRef): Promise<'completed' | 'cancelled'> {
    const child = await startChild<typeof replay>(REPLAY_WORKFLOW, {
      workflowId: replayWorkflowId(ref.replayId),
      args: [ref],
      typedSearchAttributes: [{ key: TENANT, value: ref.tenant }],
      staticSummary: `replay ${ref.replayId} for index version ${this.#indexVersion}`,
      priority: { priorityKey: 5 },
    });
    let over = false;
    const result = child.result().finally(() => (over = true));
    const [ended] = await Promise.allSettled([result, this.#steer(child, () => over)]);
    if (ended.status === 'fulfilled') return ended.value.state === 'completed' ? 'completed' : 'cancelled';
    if (isCancellation(ended.reason) && !this.over) return 'cancelled';
    throw ended.reason;
  }

  /** Has a child rest while this run does. */
  async #steer(child: ChildWorkflowHandle<typeof replay>, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const { paused } = this.#progress;
      // One that has just ended cannot be told, and need not be; what is not noted now is noted at the next step.
      await child.signal(paused ? PAUSE_SIGNAL : RESUME_SIGNAL).catch(() => undefined);
      const told = { indexVersion: this.#indexVersion, progress: this.#progress };
      await steps('tell')
        .noteReindex(told)
        .catch(() => undefined);
      await condition(() => isOver() || this.#progress.paused !== paused);
    }
  }

  /** Counts what there is to do. Answers the time as of which it counted. */
  async survey(indexVersion: number): Promise<string> {
    const { total, asOf } = await this.step('embedding', () => steps('count').surveyVersion({ indexVersion }));
    await this.tell({ total });
    return asOf;
  }

  /** Embeds a stretch, unless there is a pause; answers where it ended, null at the end of all. */
  async fillSome(indexVersion: number, after: ChunkCursor | null): Promise<ChunkCursor | null> {
    if (this.#held) await this.tell({});
    await condition(() => !this.#held || this.over);
    const started = Date.now();
    const request = { indexVersion, after, progress: this.#progress, workedMs: this.#workedMs };
    const done = await this.step('embedding', () => steps('embed').fillVersion(request));
    this.#workedMs += Date.now() - started;
    this.#gone ||= done.gone;
    if (done.gone) throw new GivenUp();
    this.#count(done.counts);
    return done.after;
  }

  /** Walks over all chunks once more: what was there when the walk began has a vector at its end. */
  async walkAgain(indexVersion: number): Promise<void> {
    const { unchanged } = this.#progress;
    let cursor: ChunkCursor | null = null;
    do cursor = await this.fillSome(indexVersion, cursor);
    while (cursor !== null);
    // Those that were there already have been counted by the first walk.
    this.#progress = { ...this.#progress, unchanged };
  }

  /** Fills what was written meanwhile and measures. */
  async measure(indexVersion: number): Promise<Verdict> {
    if (this.#refill) await this.step('embedding', () => steps('forget refusals').clearFailures({ indexVersion }));
    this.#refill = false;
    const asOf = await this.survey(indexVersion);
    await this.walkAgain(indexVersion);
    return this.step('measuring', () => steps('measure').measureVersion({ indexVersion, asOf }));
  }

  /** Waits for an order, until a retired version's time is over, or until it is time to look what exists. */
  async somethingToDo(dropInMs: number | null): Promise<'activate' | 'refill' | 'look'> {
    await condition(() => this.asked, Math.max(1, Math.min(dropInMs ?? LOOK_AGAIN_MS, LOOK_AGAIN_MS)));
    if (this.#activations.length > 0) return 'activate';
    return this.#refill ? 'refill' : 'look';
  }

  /** Measures the version that is asked for as it is now and, if its figures allow it, switches. */
  async activate(live: number, beside: number): Promise<void> {
    const activation = this.#activations[0]!;
    const { version } = activation;
    if (version !== beside) return this.#answer({ ...REFUSED, activated: version === live });
    const { evidence, shortfalls } = await this.measure(version);
    const activated =
      shortfalls.length === 0 &&
      (await this.step('switching', () => steps('switch').switchToVersion({ indexVersion: version })));
    this.#answer({ activated, evidence, shortfalls });
    if (!activated) return;
    // Who has not heard of the switch writes into the other version first, and into this one if that succeeds.
    await this.step('switching', () => steps('wait for writers').awaitWriters());
    await this.walkAgain(version);
  }

  /** Answers the request for a switch that is being dealt with. */
  #answer(outcome: ActivationOutcome): void {
    this.#activations.shift()!.outcome = outcome;
  }

  /** Answers those who still wait for a switch: there is nothing to switch to any more. */
  refuseAll(): void {
    while (this.#activations.length > 0) this.#answer(REFUSED);
  }

  /** Tells where it stands, in its details and in the database. */
  async tell(change: Partial<ReindexProgress>): Promise<void> {
    this.#note(change);
    const progress = this.#progress;
    await this.step(progress.step, () => steps('tell').noteReindex({ indexVersion: this.#indexVersion, progress }));
  }

  /** Tells that all is done. */
  async finish(): Promise<ReindexProgress> {
    this.#note({ step: 'done', blockedBy: null });
    const progress = this.#progress;
    await steps('tell').noteReindex({ indexVersion: this.#indexVersion, progress });
    return progress;
  }

  #count({ unchanged, added, failed, left }: ReindexCounts): void {
    const before = this.#progress;
    const counts = {
      unchanged: before.unchanged + unchanged,
      added: before.added + added,
      failed: before.failed + failed,
      left: before.left + left,
    };
    const worked = counts.added + counts.failed;
    const rest = before.total - counts.unchanged - worked;
    this.#note({ ...counts, ...paceOf(worked, this.#workedMs, rest, Date.now()) });
  }

  #note(change: Partial<ReindexProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    const { step, paused, added, unchanged, failed, total, perSecond, estimatedEnd, blockedBy } = this.#progress;
    const pace = perSecond === null ? '' : `, ${perSecond}/s, done at ${estimatedEnd ?? 'an unknown time'}`;
    const held = blockedBy === null ? '' : `, blocked by ${blockedBy}`;
    setCurrentDetails(
      `${paused ? 'paused, ' : ''}${step}: ${added + unchanged} of ${total} chunks, ${failed} failed${pace}${held}`,
    );
  }
}
