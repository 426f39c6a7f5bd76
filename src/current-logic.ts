import type { DialReader } from './dial-reader.ts';
import { CHUNKER_VERSION } from './domain/chunking.ts';
import { NO_PROMPT, TYPED_MODEL, type CurrentLogic } from './domain/logic.ts';
import { REDACTOR_VERSION } from './domain/redaction.ts';
import { OVERLAP } from './media/tiles.ts';
import type { SpeechModel, VisionModel } from './models/ports.ts';

/**
 * How much smaller a part of a screen may become for its text to be read: letters of 11 pixels were read without error
 * at half their size, letters of 13 pixels not at all at a third. Longer screens are read in parts.
 */
const MAX_SHRINK = 2;

/** At which size a vision model is shown a screen: `maxSide` is sent, `tileSide` of the screen is shown at once. */
export function screenSettings(dials: Pick<DialReader, 'get'>, kind: 'screen_text' | 'caption'): ScreenSettings {
  const maxSide = dials.get('vision.max_side_pixels');
  return kind === 'caption' ? { maxSide } : { maxSide, tileSide: MAX_SHRINK * maxSide, overlap: OVERLAP };
}

/** In pixels; without tiles the whole screen is shown at once. */
export interface ScreenSettings {
  readonly maxSide: number;
  readonly tileSide?: number;
  readonly overlap?: number;
}

export interface LogicSources {
  readonly speech: Pick<SpeechModel, 'model'>;
  readonly vision: Pick<VisionModel, 'model' | 'prompts'>;
  readonly dials: Pick<DialReader, 'get'>;
}

/** By what logic each kind of artifact is made now. */
export function currentLogic({ speech, vision, dials }: LogicSources): CurrentLogic {
  const versions = { redactor: REDACTOR_VERSION, chunker: CHUNKER_VERSION };
  const screen = (kind: 'screen_text' | 'caption') => ({
    model: vision.model,
    prompt: vision.prompts[kind],
    settings: { ...screenSettings(dials, kind) },
    ...versions,
  });
  return {
    message: { model: TYPED_MODEL, prompt: NO_PROMPT, settings: {}, ...versions },
    transcript: { model: speech.model, prompt: NO_PROMPT, settings: {}, ...versions },
    screen_text: screen('screen_text'),
    caption: screen('caption'),
  };
}
