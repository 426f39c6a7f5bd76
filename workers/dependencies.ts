import type { Client } from '@temporalio/client';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import { BackgroundTurns } from '../src/background-turns.ts';
import { Brake } from '../src/brake.ts';
import { publicUrlOf, type Config } from '../src/config.ts';
import { joinedRequestLimits, joinedStatementLimits } from '../src/batch-limits.ts';
import { canaryKeys, type CanaryKeys } from '../src/canary/canary-key.ts';
import { ensureLiveIndexVersion } from '../src/db/index-versions.ts';
import { ownerOf } from '../src/db/owner.ts';
import { openDatabase } from '../src/db/pools.ts';
import { findDataKey, ensureSubject, keepDataKey } from '../src/db/subjects.ts';
import { registerTenants } from '../src/db/tenants.ts';
import { DialReader } from '../src/dial-reader.ts';
import { IndexVersionReader, type IndexVersions } from '../src/index-version-reader.ts';
import { certificateSigner } from '../src/erasure/certificate.ts';
import { datasetNames } from '../src/lineage/datasets.ts';
import { LineageEmitter, NO_LINEAGE, type EmitterDependencies, type Lineage } from '../src/lineage/emitter.ts';
import { RunEvents } from '../src/lineage/run-events.ts';
import { openTransport } from '../src/lineage/transports.ts';
import { JoinedWrites } from '../src/joined-writes.ts';
import { LiveTrafficReader } from '../src/live-traffic-reader.ts';
import { openAiEmbeddings } from '../src/models/embedding-models.ts';
import { joinedEmbedding } from '../src/joined-embedding.ts';
import { openModelEndpoint } from '../src/models/openai-client.ts';
import { openAiSpeech } from '../src/models/speech.ts';
import { openAiVision } from '../src/models/vision.ts';
import { observeBacklog } from '../src/observe/backlog-gauges.ts';
import { observeErasures } from '../src/observe/erasure-gauges.ts';
import { observeQuality } from '../src/observe/quality-gauges.ts';
import { observeMemory } from '../src/observe/memory-gauges.ts';
import { openLog, type Logger } from '../src/observe/log.ts';
import { openMetrics } from '../src/observe/metrics.ts';
import { OpenedRecordings } from '../src/opened-recordings.ts';
import { PressureReader } from '../src/pressure-reader.ts';
import { KeyRing, type KeyTable } from '../src/raw-store/key-ring.ts';
import { CommonWords } from '../src/retrieval/common-words.ts';
import { openRawStore } from '../src/raw-store/raw-store.ts';
import type { Database } from '../src/db/pools.ts';
import { observeSources } from '../src/observe/source-metrics.ts';
import type { ProbedModels } from '../src/sources/probes.ts';
import { openSources } from './sources.ts';

export interface Dependencies extends ActivityDependencies {
  readonly canaryKeys: CanaryKeys;
  readonly probedModels: ProbedModels;
  readonly commonWords: CommonWords;
  /** The process begins to stop. */
  drain(): void;
  close(): Promise<void>;
}

/** The composition root: opens every outside world that a process needs, checking each. */
export async function openDependencies(config: Config, temporal: Client): Promise<Dependencies> {
  const log = openLog(config.LOG_LEVEL);
  const metrics = openMetrics();
  await ensureLiveIndexVersion(config.DATABASE_URL, config.EMBEDDING_MODEL, config.EMBEDDING_DIMENSIONS);
  await registerTenants(
    config.DATABASE_URL,
    config.EARSHOT_API_KEYS.map(({ tenant }) => tenant),
  );
  const database = openDatabase({
    url: config.DATABASE_URL,
    onRoundTrip: (statement) => metrics.roundTrips.inc({ statement }),
  });
  const rawStore = openRawStore({ url: config.RAW_STORE_URL, endpoint: config.S3_ENDPOINT });
  await rawStore.check(AbortSignal.timeout(10_000));
  const endpoint = openModelEndpoint({ baseUrl: config.OPENAI_BASE_URL, apiKey: config.OPENAI_API_KEY });
  const dials = await DialReader.open(database);
  const pressure = await PressureReader.open(database, dials);
  const indexVersions = await IndexVersionReader.open(database);
  warnOfOtherModel(log, config, indexVersions);
  observeBacklog(metrics.registry, database, dials, pressure);
  const sources = await openSources(config, endpoint, { database, dials, indexVersions, metrics, log });
  const { gate, sourceStates, probedModels } = sources;
  observeSources(metrics.registry, database);
  observeErasures(metrics.registry, database, dials, log);
  observeQuality(metrics.registry, database, log);
  const lineage = openLineage(config, { database, dials, metrics, log });
  observeMemory(metrics.registry, database, log);
  const draining = new AbortController();
  const keysOfCanaries = canaryKeys(config.EARSHOT_MASTER_KEY);
  return {
    log,
    metrics,
    database,
    rawStore,
    recordings: new OpenedRecordings(),
    dials,
    pressure,
    indexVersions,
    commonWords: new CommonWords(),
    codeVersion: config.EARSHOT_CODE_VERSION,
    languages: config.EARSHOT_LANGUAGES,
    lineage,
    temporal,
    withOwner: ownerOf(config.DATABASE_URL),
    certificates: certificateSigner(config.EARSHOT_MASTER_KEY),
    canaryKeys: keysOfCanaries,
    canaries: { url: publicUrlOf(config), keyOf: (tenant) => keysOfCanaries.of(tenant) },
    keyRing: new KeyRing(config.EARSHOT_MASTER_KEY, keyTable(database)),
    sourceStates,
    probedModels,
    speech: openAiSpeech(endpoint, config.ASR_MODEL, gate),
    vision: openAiVision(endpoint, config.VISION_MODEL, gate),
    recognisers: {
      speech: (model) => openAiSpeech(endpoint, model, gate),
      vision: (model) => openAiVision(endpoint, model, gate),
    },
    embeddings: openAiEmbeddings(endpoint, gate),
    liveEmbeddings: openAiEmbeddings(endpoint, gate, (model) =>
      joinedEmbedding(
        model,
        () => joinedRequestLimits({ dials, pressure }),
        (callers) => metrics.joined.observe({ request: 'embedding' }, callers),
      ),
    ),
    writes: openWrites({ database, dials, pressure, metrics }),
    historyWrites: openWrites({ database, dials, pressure, metrics }),
    brake: new Brake({ dials, pressure, onHeld: (heldMs) => metrics.backgroundBraked.inc(heldMs / 1_000) }),
    backgroundTurns: new BackgroundTurns({
      dials,
      liveTraffic: new LiveTrafficReader(database),
      pauseMayBeOver: (signal) => sourceStates.nextRefresh(signal),
      onTurn: (besideLive, heldMs) => {
        metrics.backgroundRequests.inc({ beside_live: String(besideLive) });
        metrics.backgroundHeld.inc(heldMs / 1_000);
      },
    }),
    draining: draining.signal,
    drain: () => draining.abort(),
    close: async () => {
      await lineage.close();
      sourceStates.close();
      dials.close();
      pressure.close();
      indexVersions.close();
      await database.close();
    },
  };
}

type WritesDependencies = Pick<ActivityDependencies, 'database' | 'dials' | 'pressure' | 'metrics'>;

function openWrites({ database, dials, pressure, metrics }: WritesDependencies): JoinedWrites {
  return new JoinedWrites({
    database,
    limits: () => joinedStatementLimits({ dials, pressure }),
    onStatement: (request, requests) => metrics.joined.observe({ request }, requests),
  });
}

function openLineage(config: Config, deps: EmitterDependencies): Lineage {
  const { OPENLINEAGE_URL: url, OPENLINEAGE_API_KEY: apiKey } = config;
  if (url === undefined) return NO_LINEAGE;
  const nameOf = datasetNames(config.DATABASE_URL, config.RAW_STORE_URL);
  return new LineageEmitter(deps, new RunEvents(config.EARSHOT_CODE_VERSION, nameOf), openTransport(url, apiKey));
}

/** The settings name the model of the first version; later ones come from a reindex. */
function warnOfOtherModel(log: Logger, config: Config, indexVersions: IndexVersions): void {
  const { model, dimensions } = indexVersions.live();
  if (model === config.EMBEDDING_MODEL && dimensions === config.EMBEDDING_DIMENSIONS) return;
  log.warn({ model }, 'the live index was made by another model than EMBEDDING_MODEL: POST /v1/reindex changes it');
}

function keyTable(database: Database): KeyTable {
  const app = (tenant: string) => database.forTenant(tenant).app;
  return {
    currentGeneration: (tenant, customerKey) => ensureSubject(app(tenant), tenant, customerKey),
    find: async ({ tenant, customerKey, generation }) =>
      (await findDataKey(app(tenant), tenant, customerKey, generation))?.wrapped,
    findForReading: async ({ tenant, customerKey, generation }) =>
      (await findDataKey(database.forTenant(tenant).reader, tenant, customerKey, generation))?.wrapped,
    keep: async ({ tenant, customerKey, generation }, wrapped) =>
      (await keepDataKey(app(tenant), tenant, customerKey, { generation, wrapped }))?.wrapped,
  };
}
