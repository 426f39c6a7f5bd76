/** How the stub answers. Every value is a number, so that each is a flag of its process: `--embedding-base-ms 15`. */
export interface StubOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Decides jitter and failures. Answers depend on what is asked alone. */
  readonly seed: number;
  /** Of vectors, where a request names none. */
  readonly dimensions: number;
  /** An embedding request takes this and `embeddingPerItemMs` for each of its texts. */
  readonly embeddingBaseMs: number;
  readonly embeddingPerItemMs: number;
  /** Requests that are computed at a time; further ones wait in their order. 0 sets no limit. */
  readonly embeddingConcurrency: number;
  /** Seconds of sound that are recognised in one second, in each request. */
  readonly speechRealTimeFactor: number;
  readonly speechConcurrency: number;
  readonly screenTextMs: number;
  readonly captionMs: number;
  readonly visionConcurrency: number;
  /** Spread of times: the standard deviation of the logarithm; 0 has none. */
  readonly jitter: number;
  /** Share of requests that are answered with 503, at once. */
  readonly failureRate: number;
}

/**
 * A small GPU or an endpoint in the same region: tens of milliseconds for a text, seconds for a piece of a call. Its
 * concurrency is above what the surge asks for, so that the limit that shows is Earshot's.
 */
export const STUB_DEFAULTS: StubOptions = {
  port: 0,
  seed: 1,
  dimensions: 384,
  embeddingBaseMs: 15,
  embeddingPerItemMs: 1,
  embeddingConcurrency: 8,
  speechRealTimeFactor: 15,
  speechConcurrency: 64,
  screenTextMs: 700,
  captionMs: 900,
  visionConcurrency: 32,
  jitter: 0.2,
  failureRate: 0,
};

/** The options as flags of the process, and back. */
export function flagsOf(options: Partial<StubOptions>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${kebab(name)}`, String(value)]);
}

/** @throws Error naming a flag that is unknown or is no number. */
export function optionsOf(flags: readonly string[]): StubOptions {
  const names = new Map(Object.keys(STUB_DEFAULTS).map((name) => [`--${kebab(name)}`, name]));
  const given: Record<string, number> = {};
  for (let index = 0; index < flags.length; index += 2) {
    const name = names.get(flags[index]!);
    const value = Number(flags[index + 1]);
    if (name === undefined) throw new Error(`unknown flag ${flags[index]}; known are ${[...names.keys()].join(' ')}`);
    if (!Number.isFinite(value) || value < 0) throw new Error(`${flags[index]} must be a number from 0`);
    given[name] = value;
  }
  return { ...STUB_DEFAULTS, ...given };
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
