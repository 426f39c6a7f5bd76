import type { DialName } from './dials.ts';
import { MODALITIES, type Modality } from './interaction.ts';

/** The dials as they stand. */
interface Dials {
  get(name: DialName): number;
}

/** How far lineage is written, by stream: 2 every step from raw bytes to vector, 1 as far as the artifact. */
export type LineageDepths = Readonly<Record<Modality, number>>;

const DIAL_OF: Readonly<Record<Modality, DialName>> = {
  chat: 'lineage.chat_depth',
  audio: 'lineage.audio_depth',
  screenshot: 'lineage.screenshot_depth',
};

/** A stream's own dial; at 0 it follows that of all streams. */
export function lineageDepths(dials: Dials): LineageDepths {
  const ofStream = (modality: Modality) => dials.get(DIAL_OF[modality]) || dials.get('lineage.depth');
  return { chat: ofStream('chat'), audio: ofStream('audio'), screenshot: ofStream('screenshot') };
}

/**
 * Whether the edges to chunks and vectors are written too. At depth 1 only that to the artifact is: a chunk and a vector
 * name what they were made of in rows of their own, but not the run that made them.
 */
export function tracesEveryStep(depth = 2): boolean {
  return depth >= 2;
}

/** Streams of which every step is traced; without depths all are. */
export function tracedModalities(depths?: LineageDepths): Modality[] {
  return MODALITIES.filter((modality) => tracesEveryStep(depths?.[modality]));
}
