import type { Writable } from 'node:stream';
import type { Response } from 'express';
import type { z } from 'zod';

/** What a route answers that is no JSON. */
export interface StreamedMedia {
  readonly mediaType: string;
  /** Of each event's data, where the answer is events. */
  readonly schema?: z.ZodType;
}

/** An answer of a media type of its own, which is sent while it is made. */
export interface StreamedAnswer {
  /** Where the route leaves it open. */
  readonly mediaType?: string;
  /** Under which a client stores it: letters, digits, dots and dashes. What is read as it comes has none. */
  readonly fileName?: string;
  /**
   * Writes the whole body and ends `output`, or destroys it and throws.
   *
   * @param stopping aborts when the server stops: what has no end of its own ends then.
   */
  write(output: Writable, stopping: AbortSignal): Promise<void>;
}

/** A client that hangs up is no error. */
export async function sendStreamed(
  response: Response,
  mediaType: string,
  answer: StreamedAnswer,
  stopping: AbortSignal,
): Promise<void> {
  response.set({ 'content-type': answer.mediaType ?? mediaType, 'cache-control': 'no-store' });
  if (answer.fileName === undefined) {
    // Nothing comes after it on this connection, and no proxy may keep its parts back.
    response.set({ connection: 'close', 'x-accel-buffering': 'no' });
  } else {
    response.set('content-disposition', `attachment; filename="${answer.fileName}"`);
  }
  await answer.write(response, stopping).catch((error: unknown) => {
    if (!isHangUp(error)) throw error;
  });
}

function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
