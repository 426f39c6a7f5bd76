/** A checksum whose register starts at 0 and takes the highest bit of each byte first. */
export interface Polynomial {
  readonly bits: 8 | 16;
  readonly value: number;
}

/** The checksum of a range; 0 when the range ends with its own checksum. */
export function crc(bytes: Uint8Array, start: number, end: number, { bits, value }: Polynomial): number {
  const top = 1 << (bits - 1);
  const mask = (1 << bits) - 1;
  let register = 0;
  for (let offset = start; offset < end; offset++) {
    register ^= (bytes[offset] ?? 0) << (bits - 8);
    for (let bit = 0; bit < 8; bit++) register = (register & top ? (register << 1) ^ value : register << 1) & mask;
  }
  return register;
}
