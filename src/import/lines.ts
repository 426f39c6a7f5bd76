import { createReadStream } from 'node:fs';
import { EarshotError, invalidField } from '../domain/errors.ts';

/** A line of a file, or why it cannot be read. Lines count from 1. */
export interface NumberedLine {
  readonly line: number;
  readonly text: string | EarshotError;
}

const LINE_FEED = 0x0a;

/** The lines of a UTF-8 file, one after the other. Of one that is longer than it may be, no more is held than that. */
export async function* linesOf(path: string, maxBytes: number): AsyncGenerator<NumberedLine> {
  let held: Buffer[] = [];
  let bytes = 0;
  let line = 0;
  const hold = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= maxBytes) held.push(part);
  };
  const finished = (): NumberedLine => {
    const text = bytes > maxBytes ? tooLong(maxBytes) : decoded(Buffer.concat(held));
    held = [];
    bytes = 0;
    line += 1;
    return { line, text };
  };
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = part.indexOf(LINE_FEED); end !== -1; end = part.indexOf(LINE_FEED, start)) {
      hold(part.subarray(start, end));
      yield finished();
      start = end + 1;
    }
    hold(part.subarray(start));
  }
  if (bytes > 0) yield finished();
}

function tooLong(maxBytes: number): EarshotError {
  return new EarshotError('too_large', `line: is longer than ${maxBytes} bytes`);
}

function decoded(bytes: Buffer): string | EarshotError {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return invalidField('line', 'is not UTF-8');
  }
}
