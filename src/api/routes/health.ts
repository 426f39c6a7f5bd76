import { z } from 'zod';
import { coverage as coverageOf } from '../../db/coverage.ts';
import { listViolations } from '../../db/quality-violations.ts';
import { EarshotError } from '../../domain/errors.ts';
import { healthOf } from '../../health.ts';
import { route } from '../route.ts';
import { modality, time, uuid } from '../schemas.ts';

const status = z.enum(['green', 'yellow', 'red']);
const reason = z.object({
  status,
  code: z.string(),
  modality: modality.nullable(),
  value: z.number().nullable(),
  limit: z.number().nullable(),
});

export const getHealth = route({
  method: 'get',
  path: '/v1/health',
  scope: 'operator',
  summary:
    'See whether answers can be relied on, by what canaries and comparisons saw; with strict, red is a 503 with its reasons in details',
  query: z.object({ strict: z.enum(['true', 'false']).default('false') }),
  status: 200,
  answer: z.object({ status, reasons: z.array(reason) }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const health = await healthOf(deps, tenant);
    if (health.status !== 'red' || query['strict'] !== 'true') return health;
    const red = health.reasons.filter((each) => each.status === 'red');
    const codes = [...new Set(red.map(({ code }) => code))];
    throw new EarshotError('not_reachable', `health is red: ${codes.join(', ')}`, { details: { ...health } });
  },
});

const covered = z.object({
  modality,
  records: z.int(),
  reachable: z.int(),
  quarantined: z.int(),
  failed: z.int(),
  backlog: z.int(),
  oldestWaitingMs: z.number().nullable(),
  lastReachableAt: time.nullable(),
  chunks: z.int(),
  chunksWithVector: z.int(),
  coveragePercent: z.number().nullable(),
});

export const getCoverage = route({
  method: 'get',
  path: '/v1/coverage',
  scope: 'operator',
  summary: 'See how much of what is held can be found, what waits and since when, counted from the rows',
  status: 200,
  answer: z.object({ indexVersion: z.int(), modalities: z.array(covered) }),
  handle: async ({ deps, caller: { tenant } }) => {
    const { index_version: indexVersion } = deps.indexVersions.live();
    const rows = await coverageOf(deps.database.forTenant(tenant).reader, tenant, indexVersion, null);
    const modalities = rows.map((row) => ({
      modality: row.modality,
      records: row.records,
      reachable: row.reachable,
      quarantined: row.quarantined,
      failed: row.failed,
      backlog: row.backlog,
      oldestWaitingMs: row.oldest_waiting_ms,
      lastReachableAt: row.last_reachable_at,
      chunks: row.chunks,
      chunksWithVector: row.with_vector,
      coveragePercent: row.chunks === 0 ? null : (100 * row.with_vector) / row.chunks,
    }));
    return { indexVersion, modalities };
  },
});

const violation = z.object({
  violationId: uuid,
  check: z.string(),
  modality: modality.nullable(),
  code: z.string(),
  severity: z.enum(['yellow', 'red']),
  affected: z.int(),
  timesSeen: z.int(),
  firstSeenAt: time,
  lastSeenAt: time,
  resolvedAt: time.nullable(),
});

export const getViolations = route({
  method: 'get',
  path: '/v1/quality-violations',
  scope: 'operator',
  summary: 'List faults of the memory that canaries and comparisons saw, open ones first',
  query: z.object({
    open: z.enum(['true', 'false']).default('false'),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
  status: 200,
  answer: z.object({ violations: z.array(violation) }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { reader } = deps.database.forTenant(tenant);
    const rows = await listViolations(reader, tenant, query['open'] === 'true', Number(query['limit']));
    const violations = rows.map((row) => ({
      violationId: row.violation_id,
      check: row.check_name,
      modality: row.modality === '' ? null : row.modality,
      code: row.code,
      severity: row.severity,
      affected: row.affected,
      timesSeen: row.times_seen,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
      resolvedAt: row.resolved_at,
    }));
    return { violations };
  },
});
