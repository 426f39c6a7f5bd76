import type { RingTarget } from '../temporal/ring.ts';
import { RingsInTurn } from './rings-in-turn.ts';
import { ringNow, type RingDependencies } from './ring-now.ts';

/**
 * Rings for sessions whose records are durable, so many at a time and the others in turn: what is live first, and a tenant
 * after the other. Under load a channel does not wait for that turn, and while the ring of a conversation waits, further
 * messages of it need none: they become one run together, of which there are the fewer.
 *
 * What waits is in this process's memory alone. What is lost with that, or has waited until the sweep rings, is left to
 * the sweep: neither memory nor a shutdown waits for a Temporal that is away.
 */
export class Bells {
  readonly #deps: RingDependencies;
  readonly #waiting = new RingsInTurn();
  readonly #forRoom = new Set<() => void>();
  #ringing = 0;
  #idle = Promise.withResolvers<void>();

  constructor(deps: RingDependencies) {
    this.#deps = deps;
  }

  /**
   * Ends when it has rung, if it is its turn at once; else now, and where many wait, when one of those before it has had
   * its turn. Nobody waits for longer than `intake.ring_timeout_ms`: a flood is slowed down, and Temporal's absence holds
   * up no record.
   */
  async ring(target: RingTarget): Promise<void> {
    const { dials } = this.#deps;
    if (this.#ringing < dials.get('intake.rings_at_once')) return this.#ringNow(target);
    this.#waiting.add(target);
    if (this.#waiting.size > dials.get('intake.rings_waiting_max')) await this.#room();
  }

  /** Ends when all have rung, or failed to. */
  async drained(): Promise<void> {
    if (this.#ringing > 0) await this.#idle.promise;
  }

  #next(): void {
    while (this.#ringing < this.#deps.dials.get('intake.rings_at_once')) {
      const waited = this.#waiting.next();
      if (waited === undefined) return;
      // The sweep has rung meanwhile, or will.
      if (performance.now() - waited.since < this.#deps.dials.get('sweep.ring_after_ms')) {
        void this.#ringNow(waited.target);
      } else {
        this.#deps.metrics.ringFailed.inc({ channel: waited.target.channel });
      }
    }
  }

  async #ringNow(target: RingTarget): Promise<void> {
    this.#ringing += 1;
    await ringNow(this.#deps, target);
    this.#ringing -= 1;
    this.#next();
    const [first] = this.#forRoom;
    first?.();
    if (this.#ringing > 0) return;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }

  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#forRoom.add(resolve);
    const timer = setTimeout(resolve, this.#deps.dials.get('intake.ring_timeout_ms'));
    await promise;
    clearTimeout(timer);
    this.#forRoom.delete(resolve);
  }
}
