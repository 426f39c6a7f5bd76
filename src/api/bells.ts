import type { RingTarget } from '../temporal/ring.ts';
import { ringNow, type RingDependencies } from './ring-now.ts';

/**
 * Rings for sessions after their records were acknowledged, so many at a time and the others in turn. A record is durable
 * before its ring, so nobody waits for Temporal; and while the ring of a conversation waits for its turn, further
 * messages of it need none: they become one run together, of which under load there are the fewer.
 *
 * What waits is in this process's memory alone. When that ends, the sweep rings.
 */
export class Bells {
  readonly #deps: RingDependencies;
  readonly #waiting: RingTarget[] = [];
  readonly #forRoom = new Set<() => void>();
  #ringing = 0;
  #idle = Promise.withResolvers<void>();

  constructor(deps: RingDependencies) {
    this.#deps = deps;
  }

  /**
   * Takes a ring in, and answers at once; where many wait, when one of those before it has had its turn, or after
   * `intake.ring_timeout_ms`: a flood is slowed down by it, and Temporal's absence holds up no record for longer.
   */
  async ring(target: RingTarget): Promise<void> {
    this.#waiting.push(target);
    this.#next();
    if (this.#waiting.length <= this.#deps.dials.get('intake.rings_waiting_max')) return;
    await this.#room();
  }

  /** Ends when all have rung, or failed to. */
  async drained(): Promise<void> {
    if (this.#ringing > 0) await this.#idle.promise;
  }

  #next(): void {
    while (this.#ringing < this.#deps.dials.get('intake.rings_at_once')) {
      const target = this.#waiting.shift();
      if (target === undefined) return;
      this.#ringing += 1;
      void ringNow(this.#deps, target).finally(() => this.#rung());
    }
  }

  #rung(): void {
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
