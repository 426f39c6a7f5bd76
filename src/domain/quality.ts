/** Why a recognised text is held back instead of indexed. */
export type QuarantineReason = 'empty_transcript' | 'repetitive_transcript' | 'low_confidence' | 'no_screen_text';

/**
 * Whether a text is a repetition loop, the way speech models fail on noise: few distinct word triples for its length.
 * Below 30 words people do repeat themselves ("no no no"), so only a run of one word 8 times or more counts there.
 */
export function isRepetitive(text: string): boolean {
  const words = text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
  if (longestRun(words) >= 8) return true;
  if (words.length < 30) return false;
  const triples = words.slice(2).map((word, index) => `${words[index]} ${words[index + 1]} ${word}`);
  return new Set(triples).size / triples.length < 0.35;
}

function longestRun(words: readonly string[]): number {
  let longest = 0;
  let run = 0;
  words.forEach((word, index) => {
    run = word === words[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

/** Judges a whole transcript; `minConfidence` is the dial `quality.min_speech_confidence`. */
export function judgeTranscript(text: string, confidence: number, minConfidence: number): QuarantineReason | undefined {
  if (text.trim() === '') return 'empty_transcript';
  if (isRepetitive(text)) return 'repetitive_transcript';
  if (confidence < minConfidence) return 'low_confidence';
  return undefined;
}
