import { listNotCarried, type NotCarriedRow } from '../db/not-carried.ts';
import { findPair, openReindex, type VersionPair } from '../db/reindexes.ts';
import { listTenants } from '../db/subjects.ts';
import { EarshotError, invalidField } from '../domain/errors.ts';
import { MAX_DIMENSIONS, storageFor, type IndexStorage } from '../domain/index-version.ts';
import { errorForLog } from '../observe/log.ts';
import { signalReindex, startReindex } from '../temporal/start-reindex.ts';
import type { ApiDependencies } from './dependencies.ts';
import { probeModel, probeRecognisers } from './probe-models.ts';
import type { Caller } from './route.ts';

export interface ReindexRequest {
  readonly embeddingModel: string;
  readonly dimensions: number;
  readonly from: 'text' | 'raw';
  readonly storage: IndexStorage | undefined;
  readonly asrModel: string | undefined;
  readonly visionModel: string | undefined;
  readonly acknowledge: boolean;
}

/** Records that are named one by one; all are counted. */
const MOST_NAMED = 1_000;

/**
 * Checks a request for a new index version, asks that what it gives up is acknowledged, writes it down and starts its
 * workflow. Answers the version.
 *
 * @throws EarshotError `wrong_state` while another is being built, `not_acknowledged` with the list of what is given up.
 */
export async function requestReindex(deps: ApiDependencies, caller: Caller, request: ReindexRequest): Promise<number> {
  const { embeddingModel: model, dimensions, from: source } = request;
  const storage = request.storage ?? storageFor(dimensions);
  if (dimensions > MAX_DIMENSIONS[storage]) {
    throw invalidField('dimensions', `an index of ${storage} takes ${MAX_DIMENSIONS[storage]} at the most`);
  }
  if (source === 'text') {
    for (const field of ['asrModel', 'visionModel'] as const) {
      if (request[field] !== undefined) throw invalidField(field, 'recognises nothing in a re-embedding from text');
    }
  }
  const pair = await findPair(deps.database.deployment);
  if (pair.beside_state === 'building') {
    throw new EarshotError('wrong_state', `version ${pair.beside} is being built; cancel it or wait for it`);
  }
  await probeModel(deps, model, dimensions);
  await probeRecognisers(deps, request);
  const givenUp = await whatIsGivenUp(deps, source, pair);
  if (givenUp !== null && !request.acknowledge) {
    throw new EarshotError('not_acknowledged', 'ask again with "acknowledge": true to give up what details list', {
      fields: [{ field: 'acknowledge', message: 'must be true' }],
      details: { ...givenUp },
    });
  }
  const timeoutMs = deps.dials.get('intake.ring_timeout_ms');
  const indexVersion = await openReindex(deps.database.forTenant(caller.tenant), {
    model,
    dimensions,
    storage,
    source,
    asrModel: request.asrModel ?? null,
    visionModel: request.visionModel ?? null,
    askedBy: caller.keyName,
    givenUp,
    startAfterMs: deps.dials.get('sweep.ring_after_ms'),
  });
  // Both are in the database: what fails here is left to the sweep.
  await startReindex(deps.temporal, indexVersion, timeoutMs).catch(leftToSweep(deps, indexVersion));
  if (pair.keeper !== null) {
    await signalReindex(deps.temporal, pair.keeper, 'cancel', timeoutMs).catch(leftToSweep(deps, pair.keeper));
  }
  return indexVersion;
}

export function leftToSweep(deps: ApiDependencies, indexVersion: number): (error: unknown) => void {
  return (error) => deps.log.warn({ indexVersion, ...errorForLog(error) }, 'a re-embedding is left to the sweep');
}

/** What will not be there afterwards: ids, counts and times. */
export interface GivenUp {
  /** The version that could have been gone back to. */
  readonly retired: { readonly version: number; readonly until: string } | null;
  readonly notCarried: number;
  readonly records: readonly {
    readonly tenant: string;
    readonly interactionId: string;
    readonly modality: string;
    readonly kind: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
}

async function whatIsGivenUp(
  { database }: ApiDependencies,
  source: 'text' | 'raw',
  pair: VersionPair,
): Promise<GivenUp | null> {
  const records: GivenUp['records'][number][] = [];
  let notCarried = 0;
  // A version is of all tenants.
  for (const tenant of await listTenants(database.deployment)) {
    const rows = await listNotCarried(database.forTenant(tenant).reader, tenant, source, MOST_NAMED);
    notCarried += rows[0]?.total ?? 0;
    records.push(...rows.slice(0, MOST_NAMED - records.length).map((row) => describeNotCarried(tenant, row)));
  }
  if (notCarried === 0 && pair.beside === null) return null;
  const until = new Date(Date.now() + (pair.drop_in_ms ?? 0)).toISOString();
  return {
    retired: pair.beside === null ? null : { version: pair.beside, until },
    notCarried,
    records,
  };
}

function describeNotCarried(
  tenant: string,
  { interaction_id: interactionId, modality, kind, state, reason }: NotCarriedRow,
): GivenUp['records'][number] {
  return { tenant, interactionId, modality, kind, state, reason };
}
