import type { EdgeRow, LineageNodeRow } from '../db/lineage.ts';
import { embeddingIdOf } from '../domain/ids.ts';

/** A step that made one thing of another. */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  readonly activity: string;
  readonly model: string | null;
  readonly modelVersion: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly codeVersion: string | null;
  readonly workflowId: string | null;
  readonly runId: string | null;
  readonly at: Date;
}

export interface LineageNode {
  readonly id: string;
  readonly kind: LineageNodeRow['kind'];
  readonly state: string;
  readonly rawObject: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** Of a raw record: where it is told of, and where its recording or picture is played, if it has one. */
  readonly links: { readonly record: string; readonly media: string | null } | null;
}

export interface LineageTree {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly (LineageEdge & { readonly recorded: boolean })[];
}

/** An edge in the words of the API and of exports. */
export function describeEdge(row: EdgeRow): LineageEdge {
  return {
    from: row.from_id,
    to: row.to_id,
    activity: row.activity,
    model: row.model,
    modelVersion: row.model_version,
    parameters: row.parameters,
    codeVersion: row.code_version,
    workflowId: row.workflow_id,
    runId: row.run_id,
    at: row.created_at,
  };
}

/** Nodes and edges, raw record first. An edge that was not recorded tells what the rows know: which run made it is lost. */
export function lineageTree(rows: readonly LineageNodeRow[]): LineageTree {
  return {
    nodes: rows.map((row) => ({
      id: idOf(row),
      kind: row.kind,
      state: row.state,
      rawObject: row.raw_object,
      details: row.details,
      links: row.kind === 'raw' ? linksOf(row) : null,
    })),
    edges: rows.flatMap((row) => (row.parent_id === null ? [] : [edgeTo(row, row.parent_id)])),
  };
}

function linksOf({ id, raw_object: rawObject }: LineageNodeRow): LineageNode['links'] {
  const record = `/v1/interactions/${id}`;
  return { record, media: rawObject === null ? null : `${record}/media` };
}

function idOf({ id, index_version: indexVersion }: LineageNodeRow): string {
  return indexVersion === null ? id : embeddingIdOf(id, indexVersion);
}

const ACTIVITIES = { raw: 'accept', artifact: 'recognise', chunk: 'chunk', embedding: 'embed' } as const;

function edgeTo(row: LineageNodeRow, parentId: string): LineageTree['edges'][number] {
  if (row.edge !== null) {
    return { ...describeEdge({ ...row.edge, created_at: row.edge_at ?? row.made_at }), recorded: true };
  }
  return {
    from: parentId,
    to: idOf(row),
    activity: ACTIVITIES[row.kind],
    model: row.model,
    modelVersion: row.model_version,
    parameters: {},
    codeVersion: null,
    workflowId: null,
    runId: null,
    at: row.made_at,
    recorded: false,
  };
}
