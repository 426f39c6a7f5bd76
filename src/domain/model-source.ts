/** Kinds of models that records are made of. Each has an endpoint's behaviour, and limits, of its own. */
export const MODEL_SOURCES = ['embedding', 'speech', 'vision'] as const;
export type ModelSource = (typeof MODEL_SOURCES)[number];

/** What a step that failed was about, and the source that it asks. */
const SOURCE_OF_STEP = {
  index: 'embedding',
  transcript: 'speech',
  screen_text: 'vision',
  caption: 'vision',
} as const satisfies Record<string, ModelSource>;

export function sourceOfStep(step: keyof typeof SOURCE_OF_STEP): ModelSource {
  return SOURCE_OF_STEP[step];
}

/** Who thought of a pause. `failures`: nobody, the endpoint fails. */
export type PauseCause = 'failures' | 'operator';

/** How a source stands, for all processes. */
export interface SourceState {
  readonly source: ModelSource;
  readonly state: 'running' | 'paused';
  /** Null while it runs. */
  readonly cause: PauseCause | null;
  /** Failures of the endpoint in a row, over all workers. */
  readonly failures: number;
}

/**
 * Whether a request must not be sent. An operator's pause holds for every model of the source; one for failures holds
 * for the model that failed: another one may be what mends it.
 */
export function isHeld({ state, cause }: SourceState, isCurrentModel: boolean): boolean {
  return state === 'paused' && (cause === 'operator' || isCurrentModel);
}
