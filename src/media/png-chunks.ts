import { crc32 } from 'node:zlib';
import { tagAt } from './tag.ts';

const SIGNATURE_BYTES = 8;
/** Length, name and checksum of a chunk. */
const FRAME_BYTES = 12;

/**
 * Whether a PNG holds all its chunks, unharmed, up to the last. Decoders are lenient here: libvips paints an interlaced
 * picture of which half is missing in a coarser grain, and says nothing.
 */
export function isWholePng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = SIGNATURE_BYTES; offset + FRAME_BYTES <= bytes.length;) {
    const checksumAt = offset + 8 + view.getUint32(offset);
    if (checksumAt + 4 > bytes.length) return false;
    if (crc32(bytes.subarray(offset + 4, checksumAt)) !== view.getUint32(checksumAt)) return false;
    if (tagAt(bytes, offset + 4) === 'IEND') return true;
    offset = checksumAt + 4;
  }
  return false;
}
