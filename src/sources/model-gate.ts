import { setTimeout as delay } from 'node:timers/promises';
import { closeSlots, grantSlots } from '../db/model-slots.ts';
import { noteSourceAnswer, noteSourceFailure } from '../db/model-sources.ts';
import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { EarshotError } from '../domain/errors.ts';
import { isHeld, MODEL_SOURCES, type ModelSource } from '../domain/model-source.ts';
import { costMs, isLimited, type RequestLimits } from '../domain/request-cost.ts';
import type { ModelGate, OutboundRequest } from '../models/ports.ts';
import { errorForLog, type Logger } from '../observe/log.ts';
import type { SourceMetrics } from '../observe/source-metrics.ts';
import { standing } from './background.ts';
import { SlotLine } from './slots.ts';
import type { SourceStates } from './source-states.ts';

export interface SourceGateDependencies {
  readonly database: Database;
  readonly dials: Pick<DialReader, 'get'>;
  readonly states: SourceStates;
  readonly metrics: SourceMetrics;
  readonly log: Logger;
  /** Whether a model is the one that records are made with: failures of others say nothing of the source. */
  readonly isCurrent: (source: ModelSource, model: string) => boolean;
}

/** What all requests of this process to model endpoints go through. */
export class SourceGate implements ModelGate {
  readonly #deps: SourceGateDependencies;
  readonly #lines: ReadonlyMap<ModelSource, SlotLine>;

  constructor(deps: SourceGateDependencies) {
    this.#deps = deps;
    const { database, dials } = deps;
    const lineOf = (source: ModelSource) =>
      new SlotLine({
        grant: (costs, aheadMs) => grantSlots(database.deployment, source, costs, aheadMs),
        aheadMs: () => dials.get('models.slots_ahead_ms'),
      });
    this.#lines = new Map(MODEL_SOURCES.map((source) => [source, lineOf(source)]));
  }

  async pass<T>(request: OutboundRequest, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    await this.#awaitRunning(request, signal);
    await this.#awaitSlot(request, signal);
    try {
      const answer = await send();
      this.#answered(request);
      return answer;
    } catch (error) {
      await this.#failed(request, error);
      throw error;
    }
  }

  /** Refuses at once, so that the step ends and its record waits as a row; or waits, for what has no row. */
  async #awaitRunning({ source, model }: OutboundRequest, signal: AbortSignal): Promise<void> {
    const { states, isCurrent } = this.#deps;
    while (isHeld(states.get(source), isCurrent(source, model))) {
      if (!standing().waitsOutPauses) throw new EarshotError('model_paused', `the source ${source} is paused`);
      await states.nextRefresh(signal);
    }
  }

  async #awaitSlot({ source, tokens }: OutboundRequest, signal: AbortSignal): Promise<void> {
    const { dials, metrics } = this.#deps;
    const limits = limitsOf(dials, source);
    const { behindLive } = standing();
    const longestMs = dials.get('models.longest_wait_ms');
    const started = performance.now();
    if (isLimited(limits)) {
      await this.#lines.get(source)!.take({ costMs: costMs(limits, tokens), behindLive }, longestMs, signal);
    } else {
      await this.#awaitOpening(source, behindLive ? Infinity : longestMs, signal);
    }
    const waitedMs = performance.now() - started;
    if (waitedMs > 1) metrics.slotWaits.observe({ source, live: String(!behindLive) }, waitedMs / 1_000);
  }

  /** Without a limit the endpoint's own word counts alone: the last `Retry-After` of a 429, to whichever process. */
  async #awaitOpening(source: ModelSource, longestMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const closedMs = this.#deps.states.get(source).closedUntil - performance.now();
      if (closedMs <= 0) return;
      if (closedMs > longestMs) {
        throw new EarshotError('model_overloaded', `the endpoint of ${source} asked to wait`, {
          retryAfterMs: closedMs,
        });
      }
      await delay(closedMs, undefined, { signal });
    }
  }

  #answered({ source, model }: OutboundRequest): void {
    const { states, database, log, isCurrent } = this.#deps;
    if (states.get(source).failures === 0 || !isCurrent(source, model)) return;
    states.know(source, { failures: 0 });
    noteSourceAnswer(database.deployment, source).catch((error: unknown) =>
      log.warn(errorForLog(error), 'an answer was not counted'),
    );
  }

  /** A refusal of what was asked, and an answer that is of no use, are no failure of the endpoint. */
  async #failed(request: OutboundRequest, error: unknown): Promise<void> {
    if (!(error instanceof EarshotError)) return;
    const { log } = this.#deps;
    try {
      if (error.code === 'model_unavailable') await this.#countFailure(request, error);
      if (error.code === 'model_overloaded') await this.#close(request.source, error.retryAfterMs);
    } catch (failure) {
      log.warn(errorForLog(failure), 'a failure of a model endpoint was not counted');
    }
  }

  async #countFailure({ source, model }: OutboundRequest, error: EarshotError): Promise<void> {
    const { states, database, metrics, isCurrent } = this.#deps;
    metrics.sourceFailures.inc({ source });
    if (!isCurrent(source, model)) return;
    states.know(source, { failures: states.get(source).failures + 1 });
    await noteSourceFailure(database.deployment, source, error.message);
  }

  async #close(source: ModelSource, retryAfterMs: number | undefined): Promise<void> {
    if (retryAfterMs === undefined) return;
    const { states, database } = this.#deps;
    const closedUntil = Math.max(states.get(source).closedUntil, performance.now() + retryAfterMs);
    states.know(source, { closedUntil });
    await closeSlots(database.deployment, source, retryAfterMs);
  }
}

export function limitsOf(dials: Pick<DialReader, 'get'>, source: ModelSource): RequestLimits {
  return {
    requestsPerSecond: dials.get(`models.${source}_requests_per_second`),
    tokensPerMinute: source === 'embedding' ? dials.get('models.embedding_tokens_per_minute') : 0,
  };
}
