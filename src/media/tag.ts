/** The text of a fixed-length tag in a binary format; shorter where the bytes end before. */
export function tagAt(bytes: Uint8Array, offset: number, length = 4): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}
