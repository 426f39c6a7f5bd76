/** An element of EBML (RFC 8794, section 6): where its content starts and ends in the file. */
export interface Element {
  /** With the bits that tell its length. */
  readonly id: number;
  readonly start: number;
  /** Infinity where the writer did not know it yet, as browsers do while they record. */
  readonly end: number;
}

const MAX_ID_BYTES = 4;
const MAX_SIZE_BYTES = 8;

/** The element that begins here, or undefined where none does or its header breaks off. */
export function elementAt(bytes: Uint8Array, offset: number): Element | undefined {
  const idBytes = variableLength(bytes[offset]);
  const sizeAt = offset + idBytes;
  const sizeBytes = variableLength(bytes[sizeAt]);
  const start = sizeAt + sizeBytes;
  if (idBytes > MAX_ID_BYTES || sizeBytes > MAX_SIZE_BYTES || start > bytes.length) return undefined;
  const highest = (bytes[sizeAt] ?? 0) & (0xff >> sizeBytes);
  const size = highest * 256 ** (sizeBytes - 1) + unsigned(bytes, sizeAt + 1, start);
  const unknown = size >= 2 ** Math.min(7 * sizeBytes, 53) - 1;
  return { id: unsigned(bytes, offset, sizeAt), start, end: unknown ? Infinity : start + size };
}

/** Length of a number whose first byte tells it by its leading zeros; 9 where there is no such number. */
export function variableLength(first: number | undefined): number {
  return first === undefined || first === 0 ? 9 : Math.clz32(first) - 23;
}

/** The number in a range of at most eight bytes; inexact beyond 2^53. */
export function unsigned(bytes: Uint8Array, start: number, end: number): number {
  let total = 0;
  for (let offset = start; offset < Math.min(end, start + 8); offset++) total = total * 256 + (bytes[offset] ?? 0);
  return total;
}
