import { z } from 'zod';
import { lineageImpact, touchedRecords, type ImpactFilter } from '../../db/lineage-impact.ts';
import { chunkLineage, interactionLineage } from '../../db/lineage.ts';
import { EarshotError, invalidField } from '../../domain/errors.ts';
import { lineageTree } from '../../lineage/walk.ts';
import { route } from '../route.ts';
import { time, uuid } from '../schemas.ts';

const node = z.object({
  id: uuid,
  kind: z.enum(['raw', 'artifact', 'chunk', 'embedding']),
  /** Of a record its own; `served`, `withdrawn` or `staged` for a chunk; for a vector that of its index version. */
  state: z.string(),
  rawObject: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
  links: z.object({ record: z.string(), media: z.string().nullable() }).nullable(),
});
const edge = z.object({
  from: uuid,
  to: uuid,
  activity: z.string(),
  model: z.string().nullable(),
  modelVersion: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  codeVersion: z.string().nullable(),
  workflowId: z.string().nullable(),
  runId: z.string().nullable(),
  at: time,
  /** False where the edge was not kept (dial `lineage.depth`) and is told from the rows. */
  recorded: z.boolean(),
});
const tree = z.object({ nodes: z.array(node), edges: z.array(edge) }).openapi('Lineage');

export const getLineage = route({
  method: 'get',
  path: '/v1/chunks/{chunkId}/lineage',
  scope: 'copilot',
  summary: 'Walk from a chunk back to its raw record and on to its vectors',
  params: z.object({ chunkId: uuid }),
  status: 200,
  answer: tree,
  handle: async ({ deps, caller: { tenant }, params: { chunkId } }) => {
    const rows = await chunkLineage(deps.database.forTenant(tenant).reader, tenant, chunkId);
    if (rows.length === 0) throw new EarshotError('not_found', 'there is no such chunk');
    return lineageTree(rows);
  },
});

export const getInteractionLineage = route({
  method: 'get',
  path: '/v1/interactions/{interactionId}/lineage',
  scope: 'operator',
  summary: 'Walk from a raw record to all that was made of it, in every version, and how many answers showed it',
  params: z.object({ interactionId: uuid }),
  status: 200,
  answer: tree,
  handle: async ({ deps, caller: { tenant }, params: { interactionId } }) => {
    const rows = await interactionLineage(deps.database.forTenant(tenant).reader, tenant, interactionId);
    if (rows.length === 0) throw new EarshotError('not_found', 'there is no such record');
    return lineageTree(rows);
  },
});

const name = z.string().min(1).max(200);

const impactQuery = z.object({
  model: name.optional(),
  modelVersion: name.optional(),
  redactor: name.optional(),
  chunker: name.optional(),
  codeVersion: name.optional(),
  from: time.optional(),
  to: time.optional(),
  list: z.enum(['true', 'false']).default('false'),
  limit: z.coerce.number().int().min(1).max(500).default(500),
  cursor: uuid.optional(),
});

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

export const getImpact = route({
  method: 'get',
  path: '/v1/lineage/impact',
  scope: 'operator',
  summary: 'Ask what a model, redactor, chunker or code version touched, and how many answers showed it',
  query: impactQuery,
  status: 200,
  answer: z.object({
    artifacts: z.array(z.object({ kind: z.string(), state: z.string(), count: z.int() })),
    chunks: z.object({ served: z.int(), withdrawn: z.int(), staged: z.int() }),
    vectors: z.array(z.object({ indexVersion: z.int(), model: z.string(), count: z.int() })),
    records: z.int(),
    customers: z.int(),
    answers: z.int(),
    firstAt: time.nullable(),
    lastAt: time.nullable(),
    interactionIds: z.array(uuid).optional(),
    nextCursor: uuid.nullable().optional(),
  }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { list, limit, cursor = BEFORE_ALL, ...asked } = query as z.output<typeof impactQuery>;
    const filter = filterOf(asked);
    const { reader } = deps.database.forTenant(tenant);
    const { first_at: firstAt, last_at: lastAt, ...counts } = await lineageImpact(reader, tenant, filter);
    const impact = { ...counts, firstAt, lastAt };
    if (list === 'false') return impact;
    const ids = await touchedRecords(reader, tenant, filter, cursor, limit + 1);
    const interactionIds = ids.slice(0, limit);
    return { ...impact, interactionIds, nextCursor: ids.length > limit ? interactionIds.at(-1) : null };
  },
});

/** @throws EarshotError `invalid_request` when nothing is asked about. */
function filterOf(asked: Omit<z.output<typeof impactQuery>, 'list' | 'limit' | 'cursor'>): ImpactFilter {
  const { model = null, modelVersion = null, redactor = null, chunker = null, codeVersion = null } = asked;
  if (model === null && modelVersion !== null) throw invalidField('model', 'is needed with modelVersion');
  if ([model, redactor, chunker, codeVersion].every((each) => each === null)) {
    throw invalidField('model', 'or redactor, chunker or codeVersion must be given');
  }
  const at = (value: string | undefined) => (value === undefined ? null : new Date(value));
  return { model, modelVersion, redactor, chunker, codeVersion, from: at(asked.from), to: at(asked.to) };
}
