/** What a source's endpoint may be asked for, over all processes; 0 is no limit. */
export interface RequestLimits {
  readonly requestsPerSecond: number;
  readonly tokensPerMinute: number;
}

/** Share by which slots are longer than the rate asks for, which makes up for requests that are sent late. */
const GUARD = 0.05;

/**
 * How late a request may be sent into its slot, in milliseconds. The slots of a second are longer by as much, so that
 * late and punctual requests together are never more than the rate in any stretch of a second.
 */
export const LATEST_MS = GUARD * 1_000;

export function isLimited({ requestsPerSecond, tokensPerMinute }: RequestLimits): boolean {
  return requestsPerSecond > 0 || tokensPerMinute > 0;
}

/**
 * For how long a request keeps its source busy, in milliseconds: the emission interval of the generic cell rate
 * algorithm (ITU-T I.371, annex A, in its form of virtual scheduling), or the time in which its tokens are earned,
 * whichever is longer. There is no burst tolerance: the next request begins no sooner than that.
 */
export function costMs({ requestsPerSecond, tokensPerMinute }: RequestLimits, tokens: number): number {
  const ofRequest = requestsPerSecond === 0 ? 0 : (1_000 * (1 + GUARD)) / requestsPerSecond;
  const ofTokens = tokensPerMinute === 0 ? 0 : (60_000 * tokens) / tokensPerMinute;
  return Math.max(ofRequest, ofTokens);
}

/**
 * Characters of a token of English text in the usual tokenizers (OpenAI, "What are tokens and how to count them"); other
 * languages have fewer, so that the estimate errs on neither side by much.
 */
const CHARACTERS_PER_TOKEN = 4;

export function estimateTokens(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + Math.ceil(length / CHARACTERS_PER_TOKEN), 0);
}
