import type { ArtifactResult, InteractionRef, VisionActivities } from '../src/domain/activities.ts';
import { joinTiles } from '../src/domain/tile-lines.ts';
import type { Passage } from '../src/domain/transcript.ts';
import { imageForModel, uprightSize } from '../src/media/inspect-image.ts';
import { OVERLAP, tilesOf, type Tile } from '../src/media/tiles.ts';
import type { Recognition } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { recogniseStep } from './recognise.ts';

/**
 * How much smaller a part of a screen may become for its text to be read: letters of 11 pixels were read without error
 * at half their size, letters of 13 pixels not at all at a third. Longer screens are read in parts.
 */
const MAX_SHRINK = 2;

/** One of the two things that are recognised of a screen. */
interface ScreenReading {
  readonly activity: string;
  readonly kind: 'screen_text' | 'caption';
  /** Longest side of what the model is shown at once, in pixels of the screen. */
  readonly tileSide: number;
  readonly ask: (png: Buffer, signal: AbortSignal) => Promise<Recognition>;
}

/** Text recognition and captions of screenshots, on their own queue. */
export function visionActivities(deps: ActivityDependencies): VisionActivities {
  const { vision, dials } = deps;
  return {
    readScreenText: (screenshot) =>
      readScreen(deps, screenshot, {
        activity: 'readScreenText',
        kind: 'screen_text',
        tileSide: MAX_SHRINK * dials.get('vision.max_side_pixels'),
        ask: (png, signal) => vision.readText(png, signal),
      }),
    captionScreen: (screenshot) =>
      readScreen(deps, screenshot, {
        activity: 'captionScreen',
        kind: 'caption',
        tileSide: Infinity,
        ask: (png, signal) => vision.caption(png, signal),
      }),
  };
}

function readScreen(
  deps: ActivityDependencies,
  { tenant, interactionId }: InteractionRef,
  reading: ScreenReading,
): Promise<ArtifactResult> {
  const { activity, kind, tileSide } = reading;
  const maxSide = deps.dials.get('vision.max_side_pixels');
  return withHeartbeat((signal) =>
    recogniseStep(
      deps,
      {
        tenant,
        interactionId,
        activity,
        kind,
        piece: 0,
        model: deps.vision.model,
        parameters: kind === 'caption' ? { maxSide } : { maxSide, tileSide, overlap: OVERLAP },
        recognise: (_record, source) => readTiles(deps, source, maxSide, reading, signal),
        judge: (passages) => (passages.length === 0 ? 'no_screen_text' : undefined),
        eventTime: (record) => record.captured_at,
      },
      signal,
    ),
  );
}

/** Asks for one tile after the other: a model of one lane gains nothing from more at once. */
async function readTiles(
  deps: ActivityDependencies,
  source: Buffer,
  maxSide: number,
  { kind, tileSide, ask }: ScreenReading,
  signal: AbortSignal,
): Promise<Recognition> {
  const maxPixels = deps.dials.get('intake.image_max_pixels');
  const { width, height } = await uprightSize(source);
  const answers: Recognition[] = [];
  for (const tile of tilesOf(width, height, tileSide)) {
    const { png, scale } = await imageForModel(source, tile, maxSide, maxPixels);
    const answer = await ask(png, signal);
    deps.metrics.modelCalls.observe({ model: deps.vision.model, kind }, answer.modelMs / 1000);
    answers.push({ ...answer, passages: answer.passages.map((passage) => placed(passage, tile, scale)) });
  }
  return {
    ...answers[0]!,
    passages: joinTiles(answers.map(({ passages }) => passages)),
    modelMs: answers.reduce((sum, { modelMs }) => sum + modelMs, 0),
  };
}

/** Boxes in pixels of the whole upright picture. */
function placed(passage: Passage, tile: Tile, scale: number): Passage {
  const { place } = passage;
  if (place.kind !== 'box') return passage;
  const at = (side: number, offset = 0) => Math.round(offset + side * scale);
  const [x, y] = [at(place.x, tile.left), at(place.y, tile.top)];
  return { ...passage, place: { kind: 'box', x, y, width: at(place.width), height: at(place.height) } };
}
