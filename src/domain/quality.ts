import type { ArtifactKind } from './interaction.ts';
import { isInOtherLanguage } from './language.ts';
import type { Passage } from './transcript.ts';

/**
 * Why something is held back instead of indexed, in the order in which a reason is looked for: what is certain first.
 * `duplicate_content` is the one that a typed message can have too.
 */
export const QUALITY_CHECKS = [
  'empty_transcript',
  'no_screen_text',
  'repetitive_transcript',
  'repetitive_caption',
  'duplicate_content',
  'clock_skew',
  'impossible_duration',
  'low_confidence',
  'wrong_language',
] as const;
export type QuarantineReason = (typeof QUALITY_CHECKS)[number];

/** What a model makes of a record, and what its checks are counted by. */
export type RecognisedKind = Exclude<ArtifactKind, 'message'>;

/** What is known of the record that a recognition is of. Times in milliseconds; null for pictures. */
export interface RecordFacts {
  /** From its start to its end, as its channel says. */
  readonly declaredMs: number | null;
  /** Of its sound. */
  readonly decodedMs: number | null;
  /** By how much its times contradict those of other records of its call. */
  readonly skewMs: number;
  /** Whether an earlier record of the customer has the same content. */
  readonly duplicate: boolean;
}

export interface Evidence {
  readonly kind: RecognisedKind;
  readonly passages: readonly Passage[];
  readonly confidence: number;
  /** Length of the sound that was listened to; null for pictures. */
  readonly soundMs: number | null;
  readonly record: RecordFacts;
}

/** The dials that the checks compare with, and the languages that are spoken here (ISO 639-1). */
export interface Thresholds {
  readonly minConfidence: Readonly<Record<RecognisedKind, number>>;
  readonly languages: readonly string[];
  readonly languageMinCharacters: number;
  readonly maxWordsPerSecond: number;
  readonly durationExcessMaxMs: number;
  readonly recordedShareMin: number;
  readonly clockSkewMaxMs: number;
}

interface Check {
  readonly of: readonly RecognisedKind[];
  fails(evidence: Evidence, thresholds: Thresholds): boolean;
}

const EVERY: readonly RecognisedKind[] = ['transcript', 'screen_text', 'caption'];

const CHECKS: Readonly<Record<QuarantineReason, Check>> = {
  empty_transcript: { of: ['transcript'], fails: ({ passages }) => textOf(passages) === '' },
  no_screen_text: { of: ['screen_text', 'caption'], fails: ({ passages }) => textOf(passages) === '' },
  repetitive_transcript: { of: ['transcript'], fails: ({ passages }) => isRepetitive(textOf(passages)) },
  repetitive_caption: { of: ['caption'], fails: ({ passages }) => isRepetitive(textOf(passages)) },
  duplicate_content: { of: EVERY, fails: ({ record }) => record.duplicate },
  clock_skew: { of: ['transcript'], fails: ({ record }, { clockSkewMaxMs }) => record.skewMs > clockSkewMaxMs },
  impossible_duration: { of: ['transcript'], fails: isImpossiblyLong },
  low_confidence: {
    of: EVERY,
    fails: ({ kind, confidence }, { minConfidence }) => confidence < minConfidence[kind],
  },
  wrong_language: {
    of: ['transcript'],
    fails: ({ passages }, { languages, languageMinCharacters }) =>
      isInOtherLanguage(textOf(passages), languages, languageMinCharacters),
  },
};

/** The checks that apply to a recognition, and whether each holds it back. */
export function checkQuality(
  evidence: Evidence,
  thresholds: Thresholds,
): readonly { readonly check: QuarantineReason; readonly failed: boolean }[] {
  return QUALITY_CHECKS.filter((check) => CHECKS[check].of.includes(evidence.kind)).map((check) => ({
    check,
    failed: CHECKS[check].fails(evidence, thresholds),
  }));
}

function textOf(passages: readonly Passage[]): string {
  return passages
    .map(({ text }) => text)
    .join(' ')
    .trim();
}

/** Below this many words the times of a passage are too coarse for a rate. */
const RATE_MIN_WORDS = 20;

/**
 * A sound that lasts longer than the time in which it was recorded, or, where that is asked for, covers too little of
 * it; or more words than anyone could have said in it.
 */
function isImpossiblyLong({ passages, soundMs, record }: Evidence, thresholds: Thresholds): boolean {
  const { declaredMs, decodedMs } = record;
  if (declaredMs !== null && decodedMs !== null) {
    if (decodedMs > declaredMs + thresholds.durationExcessMaxMs) return true;
    if (decodedMs < declaredMs * thresholds.recordedShareMin) return true;
  }
  if (soundMs === null || soundMs <= 0) return false;
  const words = textOf(passages).match(/\S+/g)?.length ?? 0;
  return words >= RATE_MIN_WORDS && words / (soundMs / 1000) > thresholds.maxWordsPerSecond;
}

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
