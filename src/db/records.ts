import type { InteractionState, Modality } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import type { TombstoneRow } from './tombstones.ts';
import type { StampColumns } from './stamps.ts';

/** A record as `GET /v1/interactions/{id}` tells it. */
export interface InteractionRow extends StampColumns {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly workflow_id: string;
  readonly state: InteractionState;
  readonly reason: string | null;
  readonly degraded: string[];
  /** The paused source that it waits for. */
  readonly waits_for: string | null;
  readonly pieces_total: number;
  readonly artifacts: readonly {
    readonly artifactId: string;
    readonly kind: string;
    readonly piece: number;
    readonly state: string;
    readonly reason: string | null;
    readonly confidence: number;
    readonly model: string;
    readonly modelVersion: string;
    readonly redactorVersion: string;
    readonly redactions: Record<string, number>;
    readonly modelMs: number;
    readonly chunks: number;
    readonly reachableChunks: number;
  }[];
}

/** An id that was asked for, with its record, or what is left of one that was erased. */
export interface AskedInteractionRow {
  readonly asked_id: string;
  readonly record: InteractionRow | null;
  readonly tombstone: TombstoneRow | null;
}

/** Records by their ids, in the order of the ids, in one statement however many there are. */
export async function findInteractions(
  reader: Queryable,
  tenant: string,
  interactionIds: readonly string[],
  indexVersion: number,
): Promise<AskedInteractionRow[]> {
  const statement = {
    name: 'find_interactions',
    text: `
      select
        asked.interaction_id as asked_id,
        f.interaction_id, f.modality, s.workflow_id, f.state, f.reason, f.degraded, f.waits_for, f.pieces_total,
        f.captured_at, f.accepted_at, f.picked_up_at, f.text_reachable_at, f.transformed_at, f.indexed_at,
        f.reachable_at, t.erasure_id, t.modality as erased_modality, t.erased_at,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'artifactId', a.artifact_id, 'kind', a.kind, 'piece', a.piece, 'state', a.state, 'reason', a.reason,
            'confidence', a.confidence, 'model', a.model, 'modelVersion', a.model_version,
            'redactorVersion', a.redactor_version, 'redactions', a.redactions, 'modelMs', a.model_ms,
            'chunks', cut.chunks, 'reachableChunks', cut.reachable) order by a.kind, a.piece)
          from artifact a
          cross join lateral (
            select count(*)::integer as chunks, count(e.reachable_at)::integer as reachable
            from chunk c
            left join embedding e on e.index_version = $3 and e.tenant = c.tenant and e.chunk_id = c.chunk_id
            where c.tenant = a.tenant and c.artifact_id = a.artifact_id
          ) as cut
          where a.tenant = $1 and a.interaction_id = f.interaction_id
        ), '[]') as artifacts
      from unnest($2::uuid[]) with ordinality as asked (interaction_id, position)
      left join freshness f on f.tenant = $1 and f.interaction_id = asked.interaction_id
      left join session s on s.tenant = $1 and s.session_id = f.session_id
      left join tombstone t on t.tenant = $1 and t.interaction_id = asked.interaction_id
      order by asked.position`,
  };
  const rows = await run<JoinedRow>(reader, statement, [tenant, interactionIds, indexVersion]);
  return rows.map(({ asked_id, erasure_id, erased_modality, erased_at, ...record }) => ({
    asked_id,
    record: record.interaction_id === null ? null : (record as InteractionRow),
    tombstone:
      erasure_id === null
        ? null
        : { interaction_id: asked_id, erasure_id, modality: erased_modality!, erased_at: erased_at! },
  }));
}

type JoinedRow = Omit<InteractionRow, 'interaction_id'> & {
  readonly asked_id: string;
  readonly interaction_id: string | null;
  readonly erasure_id: string | null;
  readonly erased_modality: Modality | null;
  readonly erased_at: Date | null;
};

/** Percentiles of one stage of one modality, in milliseconds. */
export interface FreshnessRow {
  readonly modality: Modality;
  readonly count: number;
  readonly waiting: number;
  /** Those of them that came late, or waited for an operator, and that the percentiles below leave out. */
  readonly late: number;
  readonly late_ingest: Percentiles;
  readonly oldest_waiting_ms: number | null;
  readonly ingest: Percentiles;
  readonly stream: Percentiles;
  readonly transform: Percentiles;
  readonly index: Percentiles;
  readonly total: Percentiles;
  readonly text: Percentiles;
}

/** p50, p95, p99; null without records. */
export type Percentiles = readonly [number, number, number] | null;

const percentiles = (from: string, to: string, name: string): string => `
  percentile_cont(array[0.5, 0.95, 0.99]) within group (order by extract(epoch from ${to} - ${from}) * 1000)
    filter (where state = 'reachable' and not late) as "${name}"`;

/**
 * Freshness of what was accepted within a window, by modality. A record that its channel held for long, or that lay in
 * quarantine, says nothing of how fast this system is: it is counted apart.
 */
export async function freshnessWithin(
  reader: Queryable,
  tenant: string,
  windowMs: number,
  lateAfterMs: number,
): Promise<FreshnessRow[]> {
  const statement = {
    name: 'freshness_within',
    text: `
      select
        modality,
        (count(*) filter (where state = 'reachable'))::integer as count,
        (count(*) filter (where state = 'reachable' and late))::integer as late,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by extract(epoch from accepted_at - captured_at) * 1000)
          filter (where state = 'reachable' and late) as late_ingest,
        (count(*) filter (where state in ('accepted', 'processing')))::integer as waiting,
        (extract(epoch from now() - min(accepted_at) filter (where state in ('accepted', 'processing'))) * 1000)::float8
          as oldest_waiting_ms,
        ${percentiles('captured_at', 'accepted_at', 'ingest')},
        ${percentiles('accepted_at', 'picked_up_at', 'stream')},
        ${percentiles('picked_up_at', 'transformed_at', 'transform')},
        ${percentiles('transformed_at', 'reachable_at', 'index')},
        ${percentiles('captured_at', 'reachable_at', 'total')},
        ${percentiles('accepted_at', 'text_reachable_at', 'text')}
      from (
        select *, released_at is not null
          or accepted_at - captured_at > $3::double precision * interval '1 ms' as late
        from freshness
        where tenant = $1 and accepted_at > now() - $2::double precision * interval '1 ms'
          and ${ofRealCustomers('customer_key')}
      ) as seen
      group by modality
      order by modality`,
  };
  return run<FreshnessRow>(reader, statement, [tenant, windowMs, lateAfterMs]);
}
