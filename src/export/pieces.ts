const PIECE_BYTES = 64 * 1024;

/** Bytes in copied pieces, so that a piece that still waits to be sent does not keep a whole recording in memory. */
export function* inPieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    yield Buffer.from(bytes.subarray(start, start + PIECE_BYTES));
  }
}

/** Short texts joined to pieces, because every piece takes a turn of the compressor's thread. */
export async function* joined(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE_BYTES) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
