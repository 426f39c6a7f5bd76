import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** What is asked about: at least one of the first five. Conditions that are given hold together. */
export interface ImpactFilter {
  readonly model: string | null;
  readonly modelVersion: string | null;
  readonly redactor: string | null;
  readonly chunker: string | null;
  readonly codeVersion: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
}

export interface ImpactRow {
  readonly artifacts: readonly { readonly kind: string; readonly state: string; readonly count: number }[];
  readonly chunks: { readonly served: number; readonly withdrawn: number; readonly staged: number };
  readonly vectors: readonly { readonly indexVersion: number; readonly model: string; readonly count: number }[];
  readonly records: number;
  readonly customers: number;
  readonly answers: number;
  readonly first_at: Date | null;
  readonly last_at: Date | null;
}

/** Counts what was made by a model, redactor, chunker or code version, what was made of that, and what was answered from it. */
export async function lineageImpact(reader: Queryable, tenant: string, filter: ImpactFilter): Promise<ImpactRow> {
  const { name, touched, values } = touchedBy(tenant, filter);
  const statement = {
    name: `lineage_impact_${name}`,
    text: `
      ${touched},
      made_of as (
        select e.chunk_id, e.index_version
        from cut c
        join embedding e on e.tenant = $1 and e.chunk_id = c.chunk_id
        union
        select chunk_id, index_version from vector
      ), answer as (
        select h.retrieval_id from cut c join retrieval_hit h on h.tenant = $1 and h.chunk_id = c.chunk_id
        union
        select h.retrieval_id
        from vector
        join retrieval_hit h on h.tenant = $1 and h.chunk_id = vector.chunk_id
        join retrieval r on r.tenant = $1 and r.retrieval_id = h.retrieval_id
          and r.index_version = vector.index_version
      ), of_record as (
        select interaction_id, customer_key, at from artifact_touched
        union all
        select interaction_id, customer_key, at from vector
      )
      select
        coalesce((
          select jsonb_agg(to_jsonb(g) order by g.kind, g.state)
          from (select kind, state, count(*)::integer as count from artifact_touched group by kind, state) as g
        ), '[]') as artifacts,
        (
          select jsonb_build_object(
            'served', count(*) filter (where active),
            'withdrawn', count(*) filter (where not active and activated_at is not null),
            'staged', count(*) filter (where not active and activated_at is null))
          from cut
        ) as chunks,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'indexVersion', g.index_version, 'model', v.model, 'count', g.count) order by g.index_version)
          from (
            select index_version, count(*)::integer as count from made_of group by index_version
          ) as g
          join index_version v on v.index_version = g.index_version
        ), '[]') as vectors,
        (select count(distinct interaction_id)::integer from of_record) as records,
        (select count(distinct customer_key)::integer from of_record) as customers,
        (select count(*)::integer from answer) as answers,
        (select min(at) from of_record) as first_at,
        (select max(at) from of_record) as last_at`,
  };
  return only(await run<ImpactRow>(reader, statement, values));
}

/** The next page of the records that were touched, by id. */
export async function touchedRecords(
  reader: Queryable,
  tenant: string,
  filter: ImpactFilter,
  after: string,
  limit: number,
): Promise<string[]> {
  const { name, touched, values } = touchedBy(tenant, filter);
  const statement = {
    name: `touched_records_${name}`,
    text: `
      ${touched}
      select interaction_id
      from (
        select interaction_id from artifact_touched
        union
        select interaction_id from vector
      ) as touched
      where interaction_id > $${values.length + 1}::uuid
      order by interaction_id
      limit $${values.length + 2}`,
  };
  const rows = await run<{ interaction_id: string }>(reader, statement, [...values, after, limit]);
  return rows.map(({ interaction_id }) => interaction_id);
}

/**
 * The artifacts that a filter is about, the chunks that were cut of them, and the vectors that the model itself made.
 * Only conditions that were asked for are in the text, so that each of the few combinations is planned by its own index.
 */
function touchedBy(tenant: string, filter: ImpactFilter): { name: string; touched: string; values: unknown[] } {
  const values: unknown[] = [tenant];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  const given: string[] = [];
  const condition = (name: keyof ImpactFilter, sql: (parameter: string) => string): string => {
    const value = filter[name];
    if (value === null) return '';
    given.push(name.toLowerCase());
    return `and ${sql(parameter(value))}`;
  };
  const model = condition('model', (value) => `a.model = ${value}`);
  const version = condition('modelVersion', (value) => `a.model_version = ${value}`);
  const chunker = condition('chunker', (value) => `c.chunker_version = ${value}`);
  const from = condition('from', (value) => `a.created_at >= ${value}::timestamptz`);
  const to = condition('to', (value) => `a.created_at < ${value}::timestamptz`);
  const redactor = condition('redactor', (value) => `a.redactor_version = ${value}`);
  const code = condition('codeVersion', (value) => `a.code_version = ${value}`);
  const cutBy =
    chunker === ''
      ? ''
      : `and exists (
    select from chunk c where c.tenant = $1 and c.artifact_id = a.artifact_id ${chunker})`;
  // A vector names its model and no redactor or code: those are asked of the artifacts alone.
  const vectors = filter.model !== null && filter.redactor === null && filter.codeVersion === null;
  const ofVector = (sql: string) => sql.replace('a.model_version', 'e.model_version');
  const touched = `
    with artifact_touched as materialized (
      select a.artifact_id, a.interaction_id, a.customer_key, a.kind, a.state, a.created_at as at
      from artifact a
      where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} ${model} ${version} ${from} ${to} ${redactor} ${code} ${cutBy}
    ), cut as materialized (
      select c.chunk_id, c.active, c.activated_at
      from artifact_touched t
      join chunk c on c.tenant = $1 and c.artifact_id = t.artifact_id
      where true ${chunker}
    ), vector as materialized (
      select e.chunk_id, e.index_version, c.interaction_id, e.customer_key, e.committed_at as at
      from index_version v
      join embedding e on e.index_version = v.index_version and e.tenant = $1
      join chunk c on c.tenant = $1 and c.chunk_id = e.chunk_id
      where ${vectors} and ${ofRealCustomers('e.customer_key')} ${model.replace('a.model', 'v.model')} ${ofVector(version)} ${chunker}
        ${from.replace('a.created_at', 'e.committed_at')} ${to.replace('a.created_at', 'e.committed_at')}
    )`;
  return { name: given.join('_'), touched, values };
}
