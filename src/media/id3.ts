import { tagAt } from './tag.ts';

const HEADER_BYTES = 10;
const FOOTER_BYTES = 10;
const HAS_FOOTER = 0x10;

/**
 * Where the sound starts behind any ID3v2 tags, each of which says its length in four bytes of seven bits (ID3v2.4,
 * section 3.1).
 */
export function afterId3(bytes: Uint8Array): number {
  let offset = 0;
  while (tagAt(bytes, offset, 3) === 'ID3') {
    const length = bytes.subarray(offset + 6, offset + 10).reduce((total, byte) => total * 128 + (byte & 0x7f), 0);
    const footer = ((bytes[offset + 5] ?? 0) & HAS_FOOTER) === 0 ? 0 : FOOTER_BYTES;
    offset += HEADER_BYTES + length + footer;
  }
  return offset;
}
