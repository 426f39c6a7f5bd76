import type { Writable } from 'node:stream';
import type { Response } from 'express';

/** An answer of a media type of its own, which is sent while it is made. */
export interface StreamedAnswer {
  /** Where the route leaves it open. */
  readonly mediaType?: string;
  /** Under which a client stores it: letters, digits, dots and dashes. */
  readonly fileName: string;
  /** Writes the whole body and ends `output`, or destroys it and throws. */
  write(output: Writable): Promise<void>;
}

/** A client that hangs up is no error. */
export async function sendStreamed(response: Response, mediaType: string, answer: StreamedAnswer): Promise<void> {
  response.set({
    'content-type': answer.mediaType ?? mediaType,
    'content-disposition': `attachment; filename="${answer.fileName}"`,
    'cache-control': 'no-store',
  });
  await answer.write(response).catch((error: unknown) => {
    if (!isHangUp(error)) throw error;
  });
}

function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
