import { z } from 'zod';
import { changeSource, listSourceChanges, listSources } from '../../db/model-sources.ts';
import { countParked } from '../../db/parked-records.ts';
import { EarshotError } from '../../domain/errors.ts';
import { MODEL_SOURCES, type ModelSource } from '../../domain/model-source.ts';
import { limitsOf } from '../../sources/model-gate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { route } from '../route.ts';
import { time } from '../schemas.ts';

/** Changes told of each source. */
const CHANGES = 20;

const state = z.enum(['running', 'paused']);
const cause = z.enum(['failures', 'operator']).nullable();
const sourceName = z.enum(MODEL_SOURCES);

const source = z
  .object({
    source: sourceName,
    state,
    cause,
    since: time,
    changedBy: z.string().nullable(),
    failures: z.int(),
    firstFailedAt: time.nullable(),
    lastFailedAt: time.nullable(),
    lastError: z.string().nullable(),
    waiting: z.int(),
    oldestWaitingMs: z.number().nullable(),
    limits: z.object({ requestsPerSecond: z.number(), tokensPerMinute: z.number(), closedForMs: z.number() }),
    changes: z.array(z.object({ state, cause, failures: z.int(), changedBy: z.string(), changedAt: time })),
  })
  .openapi('Source');

export const getSources = route({
  method: 'get',
  path: '/v1/sources',
  scope: 'operator',
  summary: 'List the kinds of models that records are made of: whether they run, why not, and how much waits for them',
  status: 200,
  answer: z.object({ sources: z.array(source) }),
  handle: async ({ deps, caller: { tenant } }) => ({ sources: await describeSources(deps, tenant) }),
});

async function describeSources(deps: ApiDependencies, tenant: string) {
  const { deployment } = deps.database;
  const [rows, changes, parked] = await Promise.all([
    listSources(deployment),
    listSourceChanges(deployment, CHANGES),
    countParked(deps.database.forTenant(tenant).reader, tenant),
  ]);
  return rows.map((row) => {
    const waiting = parked.find((each) => each.source === row.source);
    return {
      source: row.source,
      state: row.state,
      cause: row.cause,
      since: row.changed_at,
      changedBy: row.changed_by,
      failures: row.failures,
      firstFailedAt: row.first_failed_at,
      lastFailedAt: row.last_failed_at,
      lastError: row.last_error,
      waiting: waiting?.waiting ?? 0,
      oldestWaitingMs: waiting?.oldest_ms ?? null,
      limits: { ...limitsOf(deps.dials, row.source), closedForMs: Math.round(row.closed_ms) },
      changes: changes
        .filter((each) => each.source === row.source)
        .map((each) => ({
          state: each.state,
          cause: each.cause,
          failures: each.failures,
          changedBy: each.changed_by,
          changedAt: each.changed_at,
        })),
    };
  });
}

const changed = z.object({ source: sourceName, state, changed: z.boolean() });

/** Both are the same but for the state; asked for again, nothing changes. */
const change = (verb: 'pause' | 'resume', state: 'paused' | 'running', summary: string) =>
  route({
    method: 'post',
    path: `/v1/sources/{name}/${verb}`,
    scope: 'operator',
    deployment: true,
    summary,
    params: z.object({ name: z.string() }),
    status: 200,
    answer: changed,
    handle: async ({ deps, caller, params: { name } }) => {
      if (!isSource(name)) throw new EarshotError('not_found', 'there is no source of this name');
      const done = await changeSource(deps.database.deployment, name, state, caller.keyName);
      await deps.sourceStates.refresh();
      if (done) deps.log.warn({ source: name, status: state }, 'an operator paused or resumed a source');
      return { source: name, state, changed: done };
    },
  });

function isSource(name: string): name is ModelSource {
  return (MODEL_SOURCES as readonly string[]).includes(name);
}

export const pauseSource = change(
  'pause',
  'paused',
  'Pause a kind of model: records that need it are accepted and wait, until it is resumed',
);

export const resumeSource = change(
  'resume',
  'running',
  'Resume a kind of model, whoever paused it; what waited is run again, the oldest first',
);
