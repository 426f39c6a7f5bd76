import type OpenAI from 'openai';
import { toFile } from 'openai';
import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';
import { speechConfidence, type Passage, type SpokenWord } from '../domain/transcript.ts';
import { callModel } from './openai-client.ts';
import { OPEN_GATE, type ModelGate, type SpeechModel } from './ports.ts';

/** Ten times the length of a 30 s piece on a slow CPU; whole compressed recordings take longer and heartbeat. */
const TIMEOUT_MS = 15 * 60_000;

/** Longest text that is taken from one piece: a model that rambles on is at fault. */
const MAX_CHARACTERS = 100_000;

/** How far a time may lie outside the audio: models round up to their frame. */
const TOLERANCE_SECONDS = 2;

const answerShape = z.object({
  duration: z.coerce.number().nonnegative(),
  segments: z.array(
    z.object({
      start: z.number(),
      end: z.number(),
      text: z.string(),
      avg_logprob: z.number(),
      no_speech_prob: z.number(),
    }),
  ),
});

const wordsShape = z.object({
  words: z.array(z.object({ word: z.string(), start: z.number(), end: z.number() })).min(1),
});

/**
 * Transcription of an OpenAI-compatible endpoint, in `verbose_json` with log-probabilities per segment, and the times of
 * words where the endpoint tells them.
 */
export function openAiSpeech(client: OpenAI, model: string, gate: ModelGate = OPEN_GATE): SpeechModel {
  return {
    model,
    transcribe: async (audio, fileName, signal) => {
      const ask = async (combined: AbortSignal) =>
        client.audio.transcriptions.create(
          {
            model,
            file: await toFile(audio, fileName),
            response_format: 'verbose_json',
            timestamp_granularities: ['segment', 'word'],
            temperature: 0,
          },
          { signal: combined },
        );
      const { answer, modelMs } = await gate.pass({ source: 'speech', model, tokens: 0 }, signal, () =>
        callModel(`speech recognition by ${model}`, TIMEOUT_MS, signal, ask),
      );
      const words = wordsOf(answer);
      return {
        passages: checkTranscript(answer),
        ...(words === undefined ? {} : { words }),
        model,
        modelVersion: model,
        modelMs,
      };
    },
  };
}

/**
 * Checks a transcript before it is stored: segments in order, inside the audio, of a sane length and free of control
 * characters. An empty transcript is no fault here; src/domain/quality.ts judges it.
 *
 * @throws EarshotError `model_answer_invalid`.
 */
export function checkTranscript(answer: unknown): Passage[] {
  const parsed = answerShape.safeParse(answer);
  if (!parsed.success) throw invalid('no list of segments with their log-probabilities');
  const { duration, segments } = parsed.data;
  let previous = 0;
  for (const { start, end } of segments) {
    if (!(start >= 0 && end >= start && start >= previous - TOLERANCE_SECONDS)) throw invalid('times out of order');
    if (end > duration + TOLERANCE_SECONDS) throw invalid('times beyond the end of the audio');
    previous = start;
  }
  if (segments.reduce((sum, { text }) => sum + text.length, 0) > MAX_CHARACTERS) throw invalid('more text than speech');
  return segments
    .map((segment) => ({ ...segment, text: withoutControls(segment.text) }))
    .filter(({ text }) => text !== '')
    .map(({ start, end, text, avg_logprob, no_speech_prob }) => ({
      text,
      place: { kind: 'time', startMs: Math.round(start * 1000), endMs: Math.round(end * 1000) },
      confidence: speechConfidence(avg_logprob, no_speech_prob),
    }));
}

/**
 * When each word was said; undefined when the endpoint does not tell, or tells times that run backwards. A redacted
 * recording is then silent for the whole segment around a value.
 */
export function wordsOf(answer: unknown): SpokenWord[] | undefined {
  const parsed = wordsShape.safeParse(answer);
  if (!parsed.success) return undefined;
  const { words } = parsed.data;
  const runsForward = words.every(({ start, end }, index) => start >= (words[index - 1]?.start ?? 0) && end >= start);
  if (!runsForward) return undefined;
  return words.map(({ word, start, end }) => ({
    text: word,
    startMs: Math.floor(start * 1000),
    endMs: Math.ceil(end * 1000),
  }));
}

/** Postgres refuses NUL in text, and no one says control characters. */
export function withoutControls(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .toWellFormed();
}

function invalid(what: string): EarshotError {
  return new EarshotError('model_answer_invalid', `the speech model gave ${what}`);
}
