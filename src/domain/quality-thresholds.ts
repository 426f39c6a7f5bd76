import type { DialName } from './dials.ts';
import type { Thresholds } from './quality.ts';

/** The dials as they stand. */
export interface Dials {
  get(name: DialName): number;
}

/** τ by what is recognised. */
export function leastConfidence(dials: Dials): Thresholds['minConfidence'] {
  return {
    transcript: dials.get('quality.min_speech_confidence'),
    screen_text: dials.get('quality.min_screen_text_confidence'),
    caption: dials.get('quality.min_caption_confidence'),
  };
}

export function thresholdsOf(dials: Dials, languages: readonly string[]): Thresholds {
  return {
    minConfidence: leastConfidence(dials),
    languages,
    languageMinCharacters: dials.get('quality.language_min_characters'),
    maxWordsPerSecond: dials.get('quality.max_words_per_second'),
    durationExcessMaxMs: dials.get('quality.duration_excess_max_ms'),
    recordedShareMin: dials.get('quality.recorded_share_min'),
    clockSkewMaxMs: dials.get('quality.clock_skew_max_ms'),
  };
}
