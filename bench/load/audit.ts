import { stageTimes, type StageTimes, type Stamps } from '../../src/domain/freshness.ts';
import type { InteractionState, Modality } from '../../src/domain/interaction.ts';

/** What Earshot has of a record that it acknowledged, as an auditor sees it. */
export interface FoundRecord extends Stamps {
  readonly interactionId: string;
  readonly modality: Modality;
  readonly state: InteractionState;
  /** Waited for an operator. */
  readonly released: boolean;
  /** Texts in service that have no vector in the live version; a reachable record has none of them. */
  readonly textsWithoutVector: number;
  readonly texts: number;
  /** Pieces with more than one active artifact, places with more than one text, texts with more than one vector. */
  readonly doubled: number;
}

/** Reads what there is of acknowledged records. A record that is missing from the answer is nowhere. */
export type Look = (interactionIds: readonly string[]) => Promise<FoundRecord[]>;

export const FATES = ['reachable', 'quarantined', 'failed', 'erased', 'waiting', 'lost'] as const;
export type Fate = (typeof FATES)[number];

export interface AuditedRecord extends FoundRecord {
  readonly fate: Fate;
  readonly stages: StageTimes;
  /** Came later after its capture than counts for freshness, or waited for an operator. */
  readonly late: boolean;
}

export interface Audit {
  /** Different ids that were acknowledged. */
  readonly acknowledged: number;
  readonly fates: Readonly<Record<Fate, number>>;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Different arrivals that were acknowledged with one id: all but one of them were swallowed. */
  readonly merged: readonly string[];
  /** Arrivals that got another id when they were sent a second time. */
  readonly split: readonly string[];
  readonly records: readonly AuditedRecord[];
}

interface AcknowledgedId {
  readonly name: string;
  readonly interactionId: string;
}

/**
 * Compares what was promised with what is there. A record counts as reachable when its state says so and each of its
 * texts has a vector; one that claims to be and has none is lost, as is one of which there is nothing.
 *
 * @param lateAfterMs the dial `late.after_ms`.
 */
export async function audit(acknowledged: readonly AcknowledgedId[], look: Look, lateAfterMs: number): Promise<Audit> {
  const names = new Map<string, Set<string>>();
  const ids = new Map<string, Set<string>>();
  for (const { name, interactionId } of acknowledged) {
    into(names, interactionId, name);
    into(ids, name, interactionId);
  }
  const promised = [...names.keys()];
  const found = new Map((await look(promised)).map((record) => [record.interactionId, record]));
  const records = [...found.values()].map((record): AuditedRecord => {
    const stages = stageTimes(record);
    const late = record.released || (stages.ingestMs ?? 0) > lateAfterMs;
    return { ...record, fate: fateOf(record), stages, late };
  });
  const hollow = records.filter(({ fate }) => fate === 'lost').map(({ interactionId }) => interactionId);
  const lost = [...promised.filter((id) => !found.has(id)), ...hollow];
  const fates = Object.fromEntries(
    FATES.map((fate) => [fate, fate === 'lost' ? lost.length : records.filter((each) => each.fate === fate).length]),
  ) as Record<Fate, number>;
  return {
    acknowledged: promised.length,
    fates,
    lost,
    doubled: records.filter(({ doubled }) => doubled > 0).map(({ interactionId }) => interactionId),
    merged: [...names].filter(([, own]) => own.size > 1).map(([id]) => id),
    split: [...ids].filter(([, own]) => own.size > 1).map(([name]) => name),
    records,
  };
}

/** Whether all that was acknowledged is there, once. What waits, failed or is held back is told apart. */
export function keepsPromises({ lost, doubled, merged, split }: Omit<Audit, 'records'>): boolean {
  return [lost, doubled, merged, split].every((ids) => ids.length === 0);
}

function fateOf({ state, texts, textsWithoutVector }: FoundRecord): Fate {
  if (state === 'accepted' || state === 'processing') return 'waiting';
  if (state !== 'reachable') return state;
  return texts > 0 && textsWithoutVector === 0 ? 'reachable' : 'lost';
}

function into(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}
