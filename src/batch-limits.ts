import type { DialReader } from './dial-reader.ts';
import { atLeast } from './domain/pressure.ts';
import type { PressureSource } from './pressure-reader.ts';

interface BatchDependencies {
  readonly dials: Pick<DialReader, 'get'>;
  readonly pressure: PressureSource;
}

/** How many chat messages are embedded and written together, and how long they wait for each other. */
export function chatBatchLimits(deps: BatchDependencies): { readonly messages: number; readonly windowMs: number } {
  const { dials } = deps;
  const windowTimes = growing(deps) ? dials.get('pressure.window_growth_factor') : 1;
  return {
    messages: grown(deps, dials.get('chat.batch_max_messages')),
    windowMs: dials.get('chat.batch_window_ms') * windowTimes,
  };
}

/** A bound of a batch (items, tokens, rows) as it is at the step that is taken: larger under pressure. */
export function grown(deps: BatchDependencies, bound: number): number {
  return growing(deps) ? Math.floor(bound * deps.dials.get('pressure.batch_growth_factor')) : bound;
}

function growing({ pressure }: BatchDependencies): boolean {
  return atLeast(pressure.step(), 'grow_batches');
}
