import type { CurrentLogic } from '../domain/logic.ts';
import type { ArtifactKind } from '../domain/interaction.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** Artifacts that one logic has made. */
export interface LogicCountRow {
  readonly kind: ArtifactKind;
  readonly model: string;
  readonly prompt: string;
  readonly settings: Record<string, unknown>;
  readonly redactor: string;
  readonly chunker: string;
  readonly artifacts: number;
}

/** What of the parameters of artifact `a` is logic: the rest says which part of the source, or stands in a column. */
export const SETTINGS_OF_A = `a.parameters - '{startMs,endMs,prompt,redactor,chunker}'::text[]`;

/** How many artifacts in service each logic has made. */
export async function countByLogic(reader: Queryable, tenant: string): Promise<LogicCountRow[]> {
  const statement = {
    name: 'count_by_logic',
    text: `
      select
        a.kind, a.model, a.prompt_version as prompt, ${SETTINGS_OF_A} as settings, a.redactor_version as redactor,
        a.chunker_version as chunker, count(*)::integer as artifacts
      from artifact a
      where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} and a.state = 'active'
      group by 1, 2, 3, 4, 5, 6
      order by 1, artifacts desc`,
  };
  return run<LogicCountRow>(reader, statement, [tenant]);
}

/** Whether artifact `a` was made by other logic than that of the parameters from `$first` on. */
export function staleArtifact(first: number): string {
  const at = (offset: number) => `$${first + offset}::text[]`;
  return `exists (
    select
    from unnest(${at(0)}, ${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, ${at(5)})
      as logic (kind, model, prompt, settings, redactor, chunker)
    where logic.kind = a.kind
      and (a.model, a.prompt_version, ${SETTINGS_OF_A}, a.redactor_version, a.chunker_version)
        is distinct from (logic.model, logic.prompt, logic.settings::jsonb, logic.redactor, logic.chunker))`;
}

/** Values for `staleArtifact`: only the given kinds can be stale then. */
export function logicValues(logic: CurrentLogic, kinds: readonly ArtifactKind[]): unknown[] {
  const rows = kinds.map((kind) => ({ kind, ...logic[kind] }));
  return [
    rows.map(({ kind }) => kind),
    rows.map(({ model }) => model),
    rows.map(({ prompt }) => prompt),
    rows.map(({ settings }) => JSON.stringify(settings)),
    rows.map(({ redactor }) => redactor),
    rows.map(({ chunker }) => chunker),
  ];
}
