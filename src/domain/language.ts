import { eld } from 'eld/small';

/** An allowed language this near to the best guess is not ruled out. */
const NEAR = 0.85;

/** What stands for a redacted name or number is no word of any language; neither are codes and numbers. */
const NO_LANGUAGE = /\[[^\]]*\]|\S*\d\S*/g;

/**
 * Whether a text is surely in none of the languages (ISO 639-1): it is long enough to tell, the detector calls its
 * guess reliable, and no allowed language comes near it. Languages that the detector does not know are never ruled out
 * in favour of others; without any language all are allowed.
 */
export function isInOtherLanguage(text: string, languages: readonly string[], minCharacters: number): boolean {
  const words = text.replaceAll(NO_LANGUAGE, ' ').replaceAll(/\s+/g, ' ').trim();
  if (languages.length === 0 || words.length < minCharacters) return false;
  const guess = eld.detect(words);
  if (languages.includes(guess.language) || !guess.isReliable()) return false;
  const scores = guess.getScores();
  const best = scores[guess.language] ?? 0;
  return languages.every((language) => (scores[language] ?? 0) < NEAR * best);
}
