import { PAGE_ROWS, type Customer, type Position, type ReadPage } from './customer-export.ts';
import { run, type Queryable } from './pools.ts';

/** A row of a table that is exported as it is, but for what identifies it to the store alone. */
export interface TraceRow {
  readonly position: Position;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface ViewRow extends TraceRow {
  readonly view_id: string;
  readonly sealed_reason: Buffer | null;
}

/** Pages of a table by way of the records, in their order: these tables have an index by record and none by customer. */
function byRecord(table: string, id: string, columns: string, more = ''): ReadPage<TraceRow> {
  const statement = {
    name: `exported_${table}`,
    text: `
      select array[i.captured_at::text, i.interaction_id::text, ${id}::text] as position, to_jsonb(held) as row${more}
      from interaction i
      join ${table} t on t.tenant = i.tenant and t.customer_key = i.customer_key
        and t.interaction_id = i.interaction_id
      cross join lateral (select ${columns}) as held
      where i.tenant = $1 and i.customer_key = $2 and i.captured_at >= $3::timestamptz
        and (i.captured_at, i.interaction_id, ${id}) > ($3, $4::uuid, $5::uuid)
      order by i.captured_at, i.interaction_id, ${id}
      limit ${PAGE_ROWS}`,
  };
  return (reader: Queryable, { tenant, customerKey }: Customer, after: Position) =>
    run<TraceRow>(reader, statement, [tenant, customerKey, ...after]);
}

export const exportedViews = byRecord(
  'media_view',
  't.view_id',
  `t.view_id as "viewId", t.interaction_id as "interactionId", t.viewed_by as "viewedBy", t.what,
   t.media_id as "mediaId", t.viewed_at as "viewedAt"`,
  ', t.view_id, t.sealed_reason',
) as ReadPage<ViewRow>;

export const exportedDecisions = byRecord(
  'quarantine_decision',
  't.artifact_id',
  `t.artifact_id as "artifactId", t.interaction_id as "interactionId", t.decision, t.reason, t.confidence,
   t.decided_by as "decidedBy", t.decided_at as "decidedAt", t.applied_at as "appliedAt"`,
);

/** Without the bytes: they are those of the recording or picture itself, which is exported, less what is hidden. */
export const exportedRedactedMedia = byRecord(
  'redacted_media',
  't.media_id',
  `t.media_id as "mediaId", t.interaction_id as "interactionId", t.kind, t.state,
   t.redactor_version as "redactorVersion", t.hidden, t.media_type as "mediaType", t.bytes,
   t.created_at as "createdAt", t.superseded_at as "supersededAt"`,
);

/** By record and question: the passages of a record that an answer showed in full. */
export const exportedExposures: ReadPage<TraceRow> = (reader, { tenant, customerKey }, after) => {
  const statement = {
    name: 'exported_exposures',
    text: `
      select array[i.captured_at::text, i.interaction_id::text, x.retrieval_id::text] as position,
        jsonb_build_object('retrievalId', x.retrieval_id, 'interactionId', i.interaction_id, 'passages', jsonb_agg(
          jsonb_build_object('position', x.position, 'hidden', x.hidden, 'shownBy', x.shown_by,
            'hiddenBy', x.hidden_by, 'notedAt', x.noted_at) order by x.position, x.noted_at)) as row
      from interaction i
      join exposure x on x.tenant = i.tenant and x.customer_key = i.customer_key and x.interaction_id = i.interaction_id
      where i.tenant = $1 and i.customer_key = $2 and i.captured_at >= $3::timestamptz
        and (i.captured_at, i.interaction_id, x.retrieval_id) > ($3, $4::uuid, $5::uuid)
      group by i.captured_at, i.interaction_id, x.retrieval_id
      order by i.captured_at, i.interaction_id, x.retrieval_id
      limit ${PAGE_ROWS}`,
  };
  return run<TraceRow>(reader, statement, [tenant, customerKey, ...after]);
};
