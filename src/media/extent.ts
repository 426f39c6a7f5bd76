/**
 * How far the sound in a file reaches, found by walking its frames to the end. Headers only claim: a recording that
 * was cut on its way keeps its header, with the length that it once had.
 */
export interface Extent {
  /** False when the file ends in the middle of a frame, or before the frames that its header claims. */
  readonly whole: boolean;
  /** What the frames add up to, or undefined where they do not say. */
  readonly durationMs: number | undefined;
}

/**
 * Finds the extent of one container format, in time linear in the bytes; never throws, whatever the bytes. Where the
 * format ends nowhere and claims no length, a cut exactly between two frames cannot be told from a shorter recording.
 */
export type ExtentFinder = (bytes: Uint8Array) => Extent;

/** A file that breaks off. */
export const CUT: Extent = { whole: false, durationMs: undefined };
