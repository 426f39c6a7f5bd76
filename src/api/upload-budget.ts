import type { DialReader } from '../dial-reader.ts';
import { EarshotError } from '../domain/errors.ts';

/**
 * Bounds the bytes of uploads that one process holds in memory at a time. Of several tenants none takes all of the room:
 * who has uploads under way leaves a share of it to who has none, however slow the uploads are.
 */
export class UploadBudget {
  readonly #dials: Pick<DialReader, 'get'>;
  readonly #ofSeveral: boolean;
  /** Under way, by tenant. */
  readonly #bytes = new Map<string, number>();

  /** @param ofSeveral whether the deployment has more than one tenant. */
  constructor(dials: Pick<DialReader, 'get'>, ofSeveral: boolean) {
    this.#dials = dials;
    this.#ofSeveral = ofSeveral;
  }

  /**
   * Reserves room for an upload while it is read and stored. One that is larger than the room has it for itself.
   *
   * @param bytes what the upload announces, or the most that it may have when it announces nothing.
   * @throws EarshotError `overloaded` when there is no room: nothing was read then, and the client comes back.
   */
  async use<T>(tenant: string, bytes: number, run: () => Promise<T>): Promise<T> {
    const all = [...this.#bytes.values()].reduce((sum, each) => sum + each, 0);
    if (all > 0 && all + bytes > this.#roomOf(tenant)) {
      throw new EarshotError('overloaded', 'too many uploads are under way', { retryAfterMs: 2_000 });
    }
    this.#add(tenant, bytes);
    try {
      return await run();
    } finally {
      this.#add(tenant, -bytes);
    }
  }

  #roomOf(tenant: string): number {
    const room = this.#dials.get('intake.uploads_in_flight_max_bytes');
    const isFirst = !this.#bytes.has(tenant);
    return isFirst || !this.#ofSeveral ? room : room * (1 - this.#dials.get('intake.uploads_left_to_others_share'));
  }

  #add(tenant: string, bytes: number): void {
    const now = (this.#bytes.get(tenant) ?? 0) + bytes;
    if (now > 0) this.#bytes.set(tenant, now);
    else this.#bytes.delete(tenant);
  }
}
