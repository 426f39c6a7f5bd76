import { z } from 'zod';
import type { Modality } from '../../src/domain/interaction.ts';

/** What Earshot says of itself under load. */
export interface OwnView {
  /** Tasks that wait, by queue and kind: `audio activity`. */
  readonly queues: Readonly<Record<string, number>>;
  /** What it foretells: until a budget is breached; null where none will be. */
  readonly minutesToBreach: Readonly<Partial<Record<Modality, number | null>>>;
  /** What it does about it. */
  readonly step: string;
}

/** The shortest history: the run keeps its own. */
export const OWN_VIEW_PATH = '/v1/backlog?window=1s&points=1';

const shape = z.object({
  pressure: z.object({ step: z.string() }),
  queues: z.array(z.object({ queue: z.string(), kind: z.string(), backlog: z.number() })),
  modalities: z.array(
    z.object({ modality: z.enum(['chat', 'audio', 'screenshot']), minutesToBreach: z.number().nullable() }),
  ),
});

/** What matters of an answer of `GET /v1/backlog`; undefined when it is another. */
export function ownViewOf(body: unknown): OwnView | undefined {
  const parsed = shape.safeParse(body);
  if (!parsed.success) return undefined;
  const { pressure, queues, modalities } = parsed.data;
  return {
    step: pressure.step,
    queues: Object.fromEntries(queues.map(({ queue, kind, backlog }) => [`${queue} ${kind}`, backlog])),
    minutesToBreach: Object.fromEntries(modalities.map((each) => [each.modality, each.minutesToBreach])),
  };
}

interface Seen {
  readonly atMs: number;
  readonly own: OwnView | undefined;
}

/** The second at which a breach of a modality's budget was foretold first. */
export function forecastAt(samples: readonly Seen[], modality: Modality): number | undefined {
  const first = samples.find(({ own }) => typeof own?.minutesToBreach[modality] === 'number');
  return first === undefined ? undefined : Math.round(first.atMs / 1000);
}

/** The steps that were taken against the pressure, with the second of each. */
export function stepsOf(samples: readonly Seen[]): { readonly at: number; readonly step: string }[] {
  const steps: { at: number; step: string }[] = [];
  let current = 'none';
  for (const { atMs, own } of samples) {
    if (own === undefined || own.step === current) continue;
    current = own.step;
    steps.push({ at: Math.round(atMs / 1000), step: current });
  }
  return steps;
}
