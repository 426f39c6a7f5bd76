import type { ModelSource } from '../domain/model-source.ts';
import type { Passage, SpokenWord } from '../domain/transcript.ts';

/** What a model answered, and with what it did: every derived row names it. */
export interface Recognition {
  readonly passages: readonly Passage[];
  /** Of speech, where the endpoint tells them: when each word of the passages was said. */
  readonly words?: readonly SpokenWord[];
  /** Of speech: how much later than the recording its call began, which all times include, in milliseconds. */
  readonly originMs?: number;
  readonly model: string;
  readonly modelVersion: string;
  /** Wall time of the call, in milliseconds. */
  readonly modelMs: number;
}

/** Speech to text. Times of passages are milliseconds from the start of the given audio. */
export interface SpeechModel {
  readonly model: string;
  transcribe(audio: Uint8Array, fileName: string, signal: AbortSignal): Promise<Recognition>;
}

/** Text and description of a picture. Boxes are pixels of the given picture. */
export interface VisionModel {
  readonly model: string;
  /** Versions of the instructions that it is given. */
  readonly prompts: { readonly screen_text: string; readonly caption: string };
  readText(png: Uint8Array, signal: AbortSignal): Promise<Recognition>;
  caption(png: Uint8Array, signal: AbortSignal): Promise<Recognition>;
}

/** Recognition by other models than those that records are recognised with as they come. */
export interface Recognisers {
  speech(model: string): SpeechModel;
  vision(model: string): VisionModel;
}

export interface ModelOfVersion {
  readonly model: string;
  readonly dimensions: number;
  /** What one version remembers of its model's vectors is not another's: one may have been made to mend the other. */
  readonly index_version?: number;
}

/** Vectors of one version of the index are made by one model: a query's by the model of the version it searches. */
export interface EmbeddingModels {
  of(version: ModelOfVersion): EmbeddingModel;
}

export interface EmbeddingModel {
  readonly model: string;
  readonly dimensions: number;
  /**
   * One vector per text, in the order of the texts, each of `dimensions` finite numbers and a norm near 1.
   *
   * @param owner for whom vectors may be remembered: what was embedded for one is not known to another. Without one,
   *   nothing is.
   */
  embed(texts: readonly string[], signal: AbortSignal, owner?: string): Promise<readonly number[][]>;
  /** Whether the vector of a text is remembered for someone: embedding it calls no model. */
  remembers?(text: string, owner: string): boolean;
}

/** One request to an endpoint, as far as limits care. */
export interface OutboundRequest {
  readonly source: ModelSource;
  readonly model: string;
  /** Tokens of the input, estimated; 0 where they are not counted. */
  readonly tokens: number;
}

/** What every request to an endpoint goes through: it may be refused, made to wait, and is told how it went. */
export interface ModelGate {
  /**
   * @throws EarshotError `model_paused` at once, `model_overloaded` when the wait would be too long, or what `send` throws.
   */
  pass<T>(request: OutboundRequest, signal: AbortSignal, send: () => Promise<T>): Promise<T>;
}

/** Lets everything through, for what has limits of its own. */
export const OPEN_GATE: ModelGate = { pass: (_request, _signal, send) => send() };
