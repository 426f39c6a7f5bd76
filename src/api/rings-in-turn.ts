import type { RingTarget } from '../temporal/ring.ts';

/** A ring that waits, of a record no more than what rings for it. */
interface Waiting {
  readonly target: RingTarget;
  /** Of the process's own clock (performance.now). */
  readonly since: number;
}

/** Rings that wait for their turn: what is live first, and one tenant after the other. */
export class RingsInTurn {
  readonly #live = new Map<string, Waiting[]>();
  readonly #others = new Map<string, Waiting[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(ringFor: RingTarget): void {
    const { tenant, sessionId, channel, customerKey, workflowId, woken = false, workClass } = ringFor;
    const target = { tenant, sessionId, channel, customerKey, workflowId, woken };
    const waiting = (workClass ?? 'live') === 'live' ? this.#live : this.#others;
    const ofTenant = waiting.get(tenant) ?? [];
    ofTenant.push({
      target: workClass === undefined ? target : { ...target, workClass },
      since: performance.now(),
    });
    waiting.set(tenant, ofTenant);
    this.#size += 1;
  }

  next(): Waiting | undefined {
    return this.#nextOf(this.#live) ?? this.#nextOf(this.#others);
  }

  #nextOf(waiting: Map<string, Waiting[]>): Waiting | undefined {
    const [longestWithoutTurn] = waiting;
    if (longestWithoutTurn === undefined) return undefined;
    const [tenant, rings] = longestWithoutTurn;
    const first = rings.shift();
    waiting.delete(tenant);
    // Behind the other tenants.
    if (rings.length > 0) waiting.set(tenant, rings);
    this.#size -= 1;
    return first;
  }
}
