import type { Place } from './interaction.ts';

/**
 * A passage of recognised or written text with its place. The content of an artifact is a list of passages; chunks are
 * cut from them. `confidence` is 0 to 1; 1 for text that a person wrote.
 */
export interface Passage {
  readonly text: string;
  readonly place: Place;
  readonly confidence: number;
}

/** A word as a speech model heard it, in milliseconds of the call. It is never stored but sealed. */
export interface SpokenWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The same, with all times later by `ms`. */
export function movedBy<T extends { readonly passages: readonly Passage[]; readonly words?: readonly SpokenWord[] }>(
  heard: T,
  ms: number,
): T {
  const at = <S extends { readonly startMs: number; readonly endMs: number }>(span: S): S => ({
    ...span,
    startMs: span.startMs + ms,
    endMs: span.endMs + ms,
  });
  return {
    ...heard,
    passages: heard.passages.map((passage) =>
      passage.place.kind === 'time' ? { ...passage, place: at(passage.place) } : passage,
    ),
    ...(heard.words === undefined ? {} : { words: heard.words.map(at) }),
  };
}

/**
 * Probability-like confidence of a speech segment: the geometric mean of its token probabilities (`exp(avg_logprob)`,
 * as Whisper reports it), lowered by the chance that there was no speech at all.
 */
export function speechConfidence(avgLogprob: number, noSpeechProb: number): number {
  const confidence = Math.exp(Math.min(0, avgLogprob)) * (1 - noSpeechProb);
  return Math.min(1, Math.max(0, confidence));
}

/** Mean confidence of passages weighted by their length, 0 when there are none. */
export function meanConfidence(passages: readonly Passage[]): number {
  const letters = passages.reduce((sum, { text }) => sum + text.length, 0);
  if (letters === 0) return 0;
  return passages.reduce((sum, { text, confidence }) => sum + confidence * text.length, 0) / letters;
}
