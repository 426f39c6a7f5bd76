import { CUT, type Extent } from './extent.ts';

/** `OggS`, with which each page begins, as a number. */
const CAPTURE_PATTERN = 0x4f676753;
const HEADER_BYTES = 27;
const END_OF_STREAM = 0x04;

/** Ogg: each page says its length, and the last page of a recording says that it is the last (RFC 3533, section 6). */
export function oggExtent(bytes: Uint8Array): Extent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  let ended = false;
  while (offset + HEADER_BYTES <= bytes.length && view.getUint32(offset) === CAPTURE_PATTERN) {
    ended = (view.getUint8(offset + 5) & END_OF_STREAM) !== 0;
    const table = offset + HEADER_BYTES;
    const body = table + view.getUint8(offset + 26);
    offset = body;
    for (let segment = table; segment < body; segment++) offset += bytes[segment] ?? 0;
    if (offset > bytes.length) return CUT;
  }
  return { whole: ended, durationMs: undefined };
}
