import { EarshotError } from '../domain/errors.ts';

/** Bounds the bytes of uploads that one process holds in memory at a time. */
export class UploadBudget {
  #bytes = 0;

  /**
   * Reserves room for an upload while it is read and stored.
   *
   * @param bytes what the upload announces, or the most that it may have when it announces nothing.
   * @throws EarshotError `overloaded` when there is no room: nothing was read then, and the client comes back.
   */
  async use<T>(bytes: number, limit: number, run: () => Promise<T>): Promise<T> {
    if (this.#bytes > 0 && this.#bytes + bytes > limit) {
      throw new EarshotError('overloaded', 'too many uploads are under way', { retryAfterMs: 2_000 });
    }
    this.#bytes += bytes;
    try {
      return await run();
    } finally {
      this.#bytes -= bytes;
    }
  }
}
