import type { ArtifactResult, InteractionRef, VisionActivities } from '../src/domain/activities.ts';
import type { Passage } from '../src/domain/transcript.ts';
import { imageForModel } from '../src/media/inspect-image.ts';
import type { Recognition } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { recogniseStep } from './recognise.ts';

/** Text recognition and captions of screenshots, on their own queue. */
export function visionActivities(deps: ActivityDependencies): VisionActivities {
  const { vision } = deps;
  return {
    readScreenText: (screenshot) =>
      readScreen(deps, screenshot, 'screen_text', (png, signal) => vision.readText(png, signal)),
    captionScreen: (screenshot) =>
      readScreen(deps, screenshot, 'caption', (png, signal) => vision.caption(png, signal)),
  };
}

function readScreen(
  deps: ActivityDependencies,
  { tenant, interactionId }: InteractionRef,
  kind: 'screen_text' | 'caption',
  ask: (png: Buffer, signal: AbortSignal) => Promise<Recognition>,
): Promise<ArtifactResult> {
  const maxSide = deps.dials.get('vision.max_side_pixels');
  const maxPixels = deps.dials.get('intake.image_max_pixels');
  return withHeartbeat((signal) =>
    recogniseStep(
      deps,
      {
        tenant,
        interactionId,
        activity: kind === 'caption' ? 'captionScreen' : 'readScreenText',
        kind,
        piece: 0,
        model: deps.vision.model,
        parameters: { maxSide },
        recognise: async (_record, source) => {
          const { png, scale } = await imageForModel(source, maxSide, maxPixels);
          const recognition = await ask(png, signal);
          deps.metrics.modelCalls.observe({ model: deps.vision.model, kind }, recognition.modelMs / 1000);
          return { ...recognition, passages: recognition.passages.map((passage) => scaled(passage, scale)) };
        },
        judge: (passages) => (passages.length === 0 ? 'no_screen_text' : undefined),
        eventTime: (record) => record.captured_at,
      },
      signal,
    ),
  );
}

/** Boxes in pixels of the original. */
function scaled(passage: Passage, scale: number): Passage {
  const { place } = passage;
  if (place.kind !== 'box') return passage;
  const [x, y, width, height] = [place.x, place.y, place.width, place.height].map((side) => Math.round(side * scale));
  return { ...passage, place: { kind: 'box', x: x!, y: y!, width: width!, height: height! } };
}
