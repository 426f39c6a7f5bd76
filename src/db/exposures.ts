import type { PiiType } from '../domain/redaction.ts';
import { holds } from './noted-exposures.ts';
import { run, type Queryable } from './pools.ts';

/** Where to look for answers and views that showed what a better redactor hides. */
export interface ExposureSearch {
  readonly tenant: string;
  readonly interactionId: string | null;
  readonly customerKey: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  /** The place in the list after which the page begins. */
  readonly after: { readonly moment: string; readonly id: string } | null;
  /** Answers, and looks. An answer comes with all of its passages. */
  readonly limit: number;
}

/** What orders the list: a time in Postgres' own text, of which two compare as their texts do, and the id. */
const placeOf = (time: string, id: string) =>
  `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment, ${id} as id`;

/** The place of an answer or a look among all answers and looks. */
interface ListedRow {
  readonly moment: string;
  readonly id: string;
}

/** A hit of a recorded answer whose text showed a value. The value itself is told to nobody. */
export interface ExposedAnswerRow extends ListedRow {
  readonly retrieval_id: string;
  readonly position: number;
  readonly asked_at: Date;
  readonly asked_by: string | null;
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly types: PiiType[];
  readonly shown_by: string;
  readonly hidden_by: string;
  readonly hidden_at: Date;
}

/** What was noted when texts were replaced (`noteExposures`), with the passages that the answers name now. */
const ANSWERS = {
  name: 'exposed_answers',
  text: `
    select *
    from (
      select x.retrieval_id, x.position, r.asked_at, r.asked_by, h.chunk_id, x.interaction_id,
        array(select jsonb_object_keys(x.hidden) order by 1) as types, x.shown_by, x.hidden_by, x.noted_at as hidden_at,
        ${placeOf('r.asked_at', 'x.retrieval_id')}, dense_rank() over (order by r.asked_at, x.retrieval_id) as nth
      from exposure x
      join retrieval r on r.tenant = $1 and r.retrieval_id = x.retrieval_id
      join retrieval_hit h on h.tenant = $1 and h.retrieval_id = x.retrieval_id and h.position = x.position
      where x.tenant = $1
        and ($2::uuid is null or x.interaction_id = $2) and ($3::text is null or x.customer_key = $3)
        and r.asked_at >= coalesce($4::timestamptz, '-infinity') and r.asked_at < coalesce($5::timestamptz, 'infinity')
        and ($6::timestamptz is null or (r.asked_at, x.retrieval_id) > ($6, $7::uuid))
    ) as exposed
    where nth <= $8
    order by nth, position, hidden_at, hidden_by`,
};

export async function exposedAnswers(reader: Queryable, search: ExposureSearch): Promise<ExposedAnswerRow[]> {
  return run<ExposedAnswerRow>(reader, ANSWERS, valuesOf(search));
}

/** A look at a redacted copy that did not hide what the present one does. */
export interface ExposedViewRow extends ListedRow {
  readonly view_id: string;
  readonly viewed_at: Date;
  readonly viewed_by: string;
  readonly interaction_id: string;
  readonly types: PiiType[];
  readonly shown_by: string;
  readonly hidden_by: string;
  readonly hidden_at: Date;
}

/** What is silent or masked now and was not wholly so then. Wider margins count too: what they add was shown. */
const VIEWS = {
  name: 'exposed_views',
  text: `
    select v.view_id, v.viewed_at, v.viewed_by, v.interaction_id, found.types, m.redactor_version as shown_by,
      n.redactor_version as hidden_by, n.created_at as hidden_at, ${placeOf('v.viewed_at', 'v.view_id')}
    from media_view v
    join redacted_media m on m.tenant = $1 and m.media_id = v.media_id and m.state = 'superseded'
    join redacted_media n on n.tenant = $1 and n.interaction_id = v.interaction_id and n.state = 'active'
    cross join lateral (
      select array_agg(distinct h ->> 'type') as types
      from jsonb_array_elements(n.hidden) as h
      where h ->> 'type' <> 'unheard'
        and not exists (
          select
          from jsonb_array_elements(m.hidden) as o
          where case
            when h ? 'startMs' then (o ->> 'startMs')::float8 <= (h ->> 'startMs')::float8
              and (o ->> 'endMs')::float8 >= (h ->> 'endMs')::float8
            else ${holds('o', `(h || '{"kind":"box"}')`)}
          end)
    ) as found
    where v.tenant = $1
      and ($2::uuid is null or v.interaction_id = $2) and ($3::text is null or v.customer_key = $3)
      and v.viewed_at >= coalesce($4::timestamptz, '-infinity') and v.viewed_at < coalesce($5::timestamptz, 'infinity')
      and ($6::timestamptz is null or (v.viewed_at, v.view_id) > ($6, $7::uuid))
      and cardinality(found.types) > 0
    order by v.viewed_at, v.view_id
    limit $8`,
};

export async function exposedViews(reader: Queryable, search: ExposureSearch): Promise<ExposedViewRow[]> {
  return run<ExposedViewRow>(reader, VIEWS, valuesOf(search));
}

function valuesOf(search: ExposureSearch): unknown[] {
  const { tenant, interactionId, customerKey, from, to, after, limit } = search;
  return [tenant, interactionId, customerKey, from, to, after?.moment ?? null, after?.id ?? null, limit];
}
