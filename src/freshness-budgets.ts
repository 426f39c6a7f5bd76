import type { DialReader } from './dial-reader.ts';
import { MODALITIES, type Modality } from './domain/interaction.ts';

/** Within what time records of each modality are to be reachable, in milliseconds: the dials `freshness.*_budget_ms`. */
export function freshnessBudgets(dials: Pick<DialReader, 'get'>): Readonly<Record<Modality, number>> {
  return Object.fromEntries(
    MODALITIES.map((modality) => [modality, dials.get(`freshness.${modality}_budget_ms`)]),
  ) as Record<Modality, number>;
}
