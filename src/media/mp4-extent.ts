import { CUT, type Extent } from './extent.ts';

/** The name `mdat` of a box, as a number. */
const MEDIA_DATA = 0x6d646174;
const HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;
/** Two for each fragment of a recording; more come from nobody who records. */
const MAX_BOXES = 1_000_000;

/**
 * MP4: the file is a row of boxes that say their lengths, and sound lies in those named `mdat` (ISO/IEC 14496-12,
 * sections 4.2 and 8.1).
 */
export function mp4Extent(bytes: Uint8Array): Extent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  let sounds = false;
  for (let box = 0; box < MAX_BOXES && offset + HEADER_BYTES <= bytes.length; box++) {
    const length = boxLength(view, offset);
    if (length < HEADER_BYTES) return CUT;
    sounds ||= view.getUint32(offset + 4) === MEDIA_DATA && length > LONG_HEADER_BYTES;
    offset += length;
  }
  return offset === bytes.length && sounds ? { whole: true, durationMs: undefined } : CUT;
}

/** A length of 0 means to the end of the file; one of 1 stands behind the name, in eight bytes. */
function boxLength(view: DataView, offset: number): number {
  const length = view.getUint32(offset);
  if (length === 0) return view.byteLength - offset;
  if (length !== 1) return length;
  return offset + LONG_HEADER_BYTES <= view.byteLength ? Number(view.getBigUint64(offset + 8)) : 0;
}
