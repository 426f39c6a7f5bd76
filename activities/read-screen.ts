import type { ArtifactResult, CaptionRequest, InteractionRef, VisionActivities } from '../src/domain/activities.ts';
import { screenSettings, type ScreenSettings } from '../src/current-logic.ts';
import { standingArtifact } from '../src/db/returned-artifacts.ts';
import { atLeast } from '../src/domain/pressure.ts';
import { joinTiles } from '../src/domain/tile-lines.ts';
import type { Passage } from '../src/domain/transcript.ts';
import { imageForModel, uprightSize } from '../src/media/inspect-image.ts';
import { tilesOf, type Tile } from '../src/media/tiles.ts';
import type { Recognition, VisionModel } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { recogniseStep, type RecognitionStep } from './recognise.ts';
import { redactMedia } from './redact-media.ts';

/** The two things that are recognised of a screen. */
export type ScreenKind = 'screen_text' | 'caption';

/** Text recognition and captions of screenshots, on their own queue. */
export function visionActivities(deps: ActivityDependencies): VisionActivities {
  const read = (screenshot: InteractionRef, kind: ScreenKind): Promise<ArtifactResult> =>
    withHeartbeat((signal) => recogniseStep(deps, screenReading(deps, screenshot, kind, deps.vision, signal), signal));
  return {
    readScreenText: (screenshot) => read(screenshot, 'screen_text'),
    captionScreen: async (screenshot) => {
      if (await givesWay(deps, screenshot)) return { deferred: true };
      return read(screenshot, 'caption');
    },
    redactPicture: (screenshot) => redactMedia(deps, screenshot),
  };
}

/** Under pressure a caption that is not there yet waits for calmer times, unless nothing else would be found. */
async function givesWay(
  { pressure, database, metrics }: ActivityDependencies,
  { tenant, interactionId, needed }: CaptionRequest,
): Promise<boolean> {
  if (needed === true || !atLeast(pressure.step(), 'drop_captions')) return false;
  const piece = { tenant, interactionId, kind: 'caption', piece: 0 };
  if ((await standingArtifact(database.forTenant(tenant).app, piece)) !== undefined) return false;
  metrics.captions.inc({ outcome: 'deferred' });
  return true;
}

/** How one of the two is recognised by a model. */
export function screenReading(
  deps: ActivityDependencies,
  { tenant, interactionId }: InteractionRef,
  kind: ScreenKind,
  vision: VisionModel,
  signal: AbortSignal,
): RecognitionStep {
  const settings = screenSettings(deps.dials, kind);
  return {
    tenant,
    interactionId,
    activity: kind === 'caption' ? 'captionScreen' : 'readScreenText',
    kind,
    piece: 0,
    model: vision.model,
    prompt: vision.prompts[kind],
    parameters: { ...settings },
    recognise: async (_record, open) => readTiles(deps, await open(signal), settings, { kind, vision }, signal),
    soundMs: null,
  };
}

/** Asks for one tile after the other: a model of one lane gains nothing from more at once. */
async function readTiles(
  deps: ActivityDependencies,
  source: Buffer,
  { maxSide, tileSide = Infinity }: ScreenSettings,
  { kind, vision }: { readonly kind: ScreenKind; readonly vision: VisionModel },
  signal: AbortSignal,
): Promise<Recognition> {
  const maxPixels = deps.dials.get('intake.image_max_pixels');
  const { width, height } = await uprightSize(source);
  const answers: Recognition[] = [];
  for (const tile of tilesOf(width, height, tileSide)) {
    const { png, scale } = await imageForModel(source, tile, maxSide, maxPixels);
    const answer = await (kind === 'caption' ? vision.caption(png, signal) : vision.readText(png, signal));
    deps.metrics.modelCalls.observe({ model: vision.model, kind }, answer.modelMs / 1000);
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
