import sharp from 'sharp';

/** A small plain PNG, as a screenshot of nothing. */
export function picture(): Promise<Buffer> {
  return sharp({ create: { width: 50, height: 50, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
}
