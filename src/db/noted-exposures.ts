import { run, type Queryable } from './pools.ts';
import type { Replacement } from './replaced-artifacts.ts';

const TYPES = `array['card', 'iban', 'email', 'national_id', 'phone', 'name']`;

/** How often a text in SQL has the label of a type in SQL. */
const labels = (text: string, type: string) =>
  `coalesce((length(${text}) - length(replace(${text}, '[' || upper(${type}) || ']', ''))) / (length(${type}) + 2), 0)`;

/** Whether a chunk's place `c` holds a passage's place `p`, both jsonb. */
export const holds = (c: string, p: string): string => `
  case ${p} ->> 'kind'
    when 'time' then (${c} ->> 'startMs')::float8 <= (${p} ->> 'startMs')::float8
      and (${c} ->> 'endMs')::float8 >= (${p} ->> 'endMs')::float8
    when 'box' then (${c} ->> 'x')::float8 <= (${p} ->> 'x')::float8 and (${c} ->> 'y')::float8 <= (${p} ->> 'y')::float8
      and (${c} ->> 'x')::float8 + (${c} ->> 'width')::float8 >= (${p} ->> 'x')::float8 + (${p} ->> 'width')::float8
      and (${c} ->> 'y')::float8 + (${c} ->> 'height')::float8 >= (${p} ->> 'y')::float8 + (${p} ->> 'height')::float8
    else ${c} = ${p}
  end`;

/**
 * Notes recorded answers that showed what is hidden from now on, before `replaceArtifacts` deletes the text that showed
 * it, in the same transaction. A hit counts when its chunk's text is not in what comes into its place, and the passages
 * that the chunk was cut from hold more labels of some type there. A passage may also have no counterpart, because a
 * value filled it or another model cut elsewhere; then the types are those of which the whole artifact hides more.
 */
export async function noteExposures(db: Queryable, replacement: Replacement): Promise<void> {
  const { tenant, interactionId, kinds, artifactIds, redactor } = replacement;
  await run(db, NOTE, [tenant, interactionId, kinds, artifactIds, redactor]);
}

const NOTE = {
  name: 'note_exposures',
  text: `
    with pair as materialized (
      select
        o.artifact_id, o.content as old, n.content as new, o.redactions as old_counts, n.redactions as new_counts,
        o.redactor_version as shown_by, n.redactor_version as hidden_by,
        (
          select string_agg(btrim(p ->> 'text', E' \\t\\r\\n'),
            case when p -> 'place' ->> 'kind' = 'box' then E'\\n' else ' ' end order by at)
          from jsonb_array_elements(n.content) with ordinality as passage (p, at)
        ) as new_text
      from artifact o
      join artifact n on n.tenant = $1 and n.artifact_id = any($4::uuid[]) and n.kind = o.kind and n.piece = o.piece
      where o.tenant = $1 and o.interaction_id = $2::uuid and o.kind = any($3::text[])
        and not o.artifact_id = any($4) and o.redactor_version not in ('none', $5)
    )
    insert into exposure (
      tenant, retrieval_id, position, interaction_id, customer_key, hidden, shown_by, hidden_by, noted_at)
    select $1, h.retrieval_id, h.position, c.interaction_id, c.customer_key, found.hidden, p.shown_by, p.hidden_by,
      clock_timestamp()
    from pair p
    join chunk c on c.tenant = $1 and c.artifact_id = p.artifact_id
    join retrieval_hit h on h.tenant = $1 and h.chunk_id = c.chunk_id
    cross join lateral (
      select jsonb_object_agg(t.type, more.count) filter (where more.count > 0) as hidden
      from unnest(${TYPES}) as t (type)
      cross join lateral (
        select case
          when bool_or(n.p is null) then greatest(
            sum(greatest(${labels(`n.p ->> 'text'`, 't.type')} - ${labels(`o.p ->> 'text'`, 't.type')}, 0))
              filter (where n.p is not null),
            coalesce((p.new_counts ->> t.type)::integer, 0) - coalesce((p.old_counts ->> t.type)::integer, 0))
          else sum(greatest(${labels(`n.p ->> 'text'`, 't.type')} - ${labels(`o.p ->> 'text'`, 't.type')}, 0))
        end as count
        from jsonb_array_elements(p.old) as o (p)
        left join jsonb_array_elements(p.new) as n (p) on n.p -> 'place' = o.p -> 'place'
        where ${holds('c.place', `(o.p -> 'place')`)}
      ) as more
    ) as found
    where strpos(coalesce(p.new_text, ''), c.text) = 0 and found.hidden is not null
    on conflict do nothing`,
};
