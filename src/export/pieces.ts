const PIECE_BYTES = 64 * 1024;

/** Bytes in copied pieces, so that a piece that still waits to be sent does not keep a whole recording in memory. */
export function* inPieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    yield Buffer.from(bytes.subarray(start, start + PIECE_BYTES));
  }
}
