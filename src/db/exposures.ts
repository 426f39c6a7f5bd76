import type { PiiType } from '../domain/redaction.ts';
import { run, type Queryable } from './pools.ts';

/** Where to look for answers and views that showed what a better redactor hides. */
export interface ExposureSearch {
  readonly tenant: string;
  readonly interactionId: string | null;
  readonly customerKey: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly limit: number;
}

/** A hit of a recorded answer whose text showed a value. The value itself is told to nobody. */
export interface ExposedAnswerRow {
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

const TYPES = `array['card', 'iban', 'email', 'national_id', 'phone', 'name']`;

/** How often a text in SQL has the label of a type in SQL. */
const labels = (text: string, type: string) =>
  `coalesce((length(${text}) - length(replace(${text}, '[' || upper(${type}) || ']', ''))) / (length(${type}) + 2), 0)`;

/** Whether a chunk's place `c` holds a passage's place `p`, both jsonb. */
const holds = (c: string, p: string) => `
  case ${p} ->> 'kind'
    when 'time' then (${c} ->> 'startMs')::float8 <= (${p} ->> 'startMs')::float8
      and (${c} ->> 'endMs')::float8 >= (${p} ->> 'endMs')::float8
    when 'box' then (${c} ->> 'x')::float8 <= (${p} ->> 'x')::float8 and (${c} ->> 'y')::float8 <= (${p} ->> 'y')::float8
      and (${c} ->> 'x')::float8 + (${c} ->> 'width')::float8 >= (${p} ->> 'x')::float8 + (${p} ->> 'width')::float8
      and (${c} ->> 'y')::float8 + (${c} ->> 'height')::float8 >= (${p} ->> 'y')::float8 + (${p} ->> 'height')::float8
    else ${c} = ${p}
  end`;

/**
 * Hits whose text is redacted more strongly now: another redactor has gone over the same answer of the same model, the
 * chunk's text is not in what came of it, and the passages that the chunk was cut from hold more labels of some type. A
 * passage may also be gone, because a value filled it; then the types are those of which the whole artifact hides more.
 */
const ANSWERS = {
  name: 'exposed_answers',
  text: `
    with shown as materialized (
      select h.retrieval_id, h.position, r.asked_at, r.asked_by, c.chunk_id, c.interaction_id, c.artifact_id, c.text,
        c.place
      from retrieval r
      join retrieval_hit h on h.tenant = $1 and h.retrieval_id = r.retrieval_id
      join chunk c on c.tenant = $1 and c.chunk_id = h.chunk_id
      where r.tenant = $1
        and ($2::uuid is null or c.interaction_id = $2) and ($3::text is null or c.customer_key = $3)
        and r.asked_at >= coalesce($4::timestamptz, '-infinity') and r.asked_at < coalesce($5::timestamptz, 'infinity')
    ), pair as materialized (
      select distinct on (o.artifact_id)
        o.artifact_id, o.content as old, n.content as new, o.redactions as old_counts, n.redactions as new_counts,
        o.redactor_version as shown_by, n.redactor_version as hidden_by, n.created_at as hidden_at,
        (
          select string_agg(btrim(p ->> 'text', E' \\t\\r\\n'),
            case when p -> 'place' ->> 'kind' = 'box' then E'\\n' else ' ' end order by at)
          from jsonb_array_elements(n.content) with ordinality as passage (p, at)
        ) as new_text
      from artifact o
      join artifact n on n.tenant = $1 and n.interaction_id = o.interaction_id and n.kind = o.kind and n.piece = o.piece
        and n.model = o.model and n.model_version = o.model_version
        and n.parameters - '{redactor,chunker}'::text[] = o.parameters - '{redactor,chunker}'::text[]
        and n.redactor_version <> o.redactor_version and n.created_at >= o.created_at and n.state = 'active'
      where o.tenant = $1 and o.artifact_id in (select artifact_id from shown)
      order by o.artifact_id, n.created_at desc
    )
    select s.retrieval_id, s.position, s.asked_at, s.asked_by, s.chunk_id, s.interaction_id, found.types,
      p.shown_by, p.hidden_by, p.hidden_at
    from shown s
    join pair p using (artifact_id)
    cross join lateral (
      select
        coalesce(bool_or(n.p is null), false) as vanished,
        array_agg(distinct t.type) filter (
          where ${labels(`n.p ->> 'text'`, 't.type')} > ${labels(`o.p ->> 'text'`, 't.type')}) as types
      from jsonb_array_elements(p.old) as o (p)
      left join jsonb_array_elements(p.new) as n (p) on n.p -> 'place' = o.p -> 'place'
      cross join unnest(${TYPES}) as t (type)
      where ${holds('s.place', `(o.p -> 'place')`)}
    ) as passages
    cross join lateral (
      select array(
        select t.type
        from unnest(${TYPES}) as t (type)
        where t.type = any(passages.types)
          or passages.vanished
            and coalesce((p.new_counts ->> t.type)::integer, 0) > coalesce((p.old_counts ->> t.type)::integer, 0)
      ) as types
    ) as found
    where strpos(coalesce(p.new_text, ''), s.text) = 0 and cardinality(found.types) > 0
    order by s.asked_at, s.retrieval_id, s.position
    limit $6`,
};

export async function exposedAnswers(reader: Queryable, search: ExposureSearch): Promise<ExposedAnswerRow[]> {
  return run<ExposedAnswerRow>(reader, ANSWERS, valuesOf(search));
}

/** A look at a redacted copy that did not hide what the present one does. */
export interface ExposedViewRow {
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
      n.redactor_version as hidden_by, n.created_at as hidden_at
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
      and cardinality(found.types) > 0
    order by v.viewed_at, v.view_id
    limit $6`,
};

export async function exposedViews(reader: Queryable, search: ExposureSearch): Promise<ExposedViewRow[]> {
  return run<ExposedViewRow>(reader, VIEWS, valuesOf(search));
}

function valuesOf(search: ExposureSearch): unknown[] {
  const { tenant, interactionId, customerKey, from, to, limit } = search;
  return [tenant, interactionId, customerKey, from, to, limit];
}
