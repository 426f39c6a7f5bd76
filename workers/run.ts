import { Client } from '@temporalio/client';
import {
  DefaultLogger,
  Runtime,
  type ActivityInboundCallsInterceptor,
  type NativeConnection,
} from '@temporalio/worker';
import type { ApiDependencies } from '../src/api/dependencies.ts';
import { DrainReader } from '../src/api/drain-reader.ts';
import { Quotas } from '../src/api/quotas.ts';
import { startApi, type RunningApi } from '../src/api/server.ts';
import { UploadBudget } from '../src/api/upload-budget.ts';
import { readConfig, type Config } from '../src/config.ts';
import { ExpectationReader, NOTHING_EXPECTED, type ExpectationSource } from '../src/expectations.ts';
import { migrate } from '../src/db/migrate.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { keyedIds } from '../src/domain/ids.ts';
import type { TaskQueue } from '../src/domain/task-queues.ts';
import { errorForLog } from '../src/observe/log.ts';
import { connectTemporal } from '../src/temporal/connection.ts';
import { ensureSearchAttributes } from '../src/temporal/search-attributes.ts';
import { ensureSchedules } from '../src/temporal/schedules.ts';
import { Bells } from '../src/api/bells.ts';
import { HistoryBell, ringForHistory, startHistory } from '../src/temporal/history-bell.ts';
import { ringVia, type Ring } from '../src/temporal/ring.ts';
import { TenantQuotas } from '../src/tenant-quotas.ts';
import { openDependencies, type Dependencies } from './dependencies.ts';
import { startSampler } from './sampler.ts';
import { keepSchedules } from './schedule-keeper.ts';
import { keepSources } from './source-keeper.ts';
import { startSweep } from './sweep.ts';
import { createWorker } from './worker.ts';
import { keepStatistics } from './young-statistics.ts';

export interface ProcessParts {
  readonly api: boolean;
  readonly queues: readonly TaskQueue[];
  /** Put around every step, for tests that end the process there. */
  readonly interceptors?: readonly ActivityInboundCallsInterceptor[];
}

/** Runs the parts of Earshot that one process is for until SIGTERM or SIGINT, then drains and stops them. */
export async function runProcess(parts: ProcessParts): Promise<void> {
  const stop = Promise.withResolvers<void>();
  process.once('SIGTERM', () => stop.resolve());
  process.once('SIGINT', () => stop.resolve());
  try {
    await serve(parts, readConfig(), stop.promise);
  } catch (error) {
    if (!(error instanceof EarshotError) || error.code !== 'misconfigured') throw error;
    console.error(error.message);
    process.exit(1);
  }
}

async function serve(parts: ProcessParts, config: Config, stopped: Promise<void>): Promise<void> {
  installRuntime();
  await migrate(config.DATABASE_URL);
  const connection = await connectTemporal(config);
  await ensureSearchAttributes(connection, config.TEMPORAL_NAMESPACE);
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const deps = await openDependencies(config, client);
  if (parts.queues.includes('batch')) await ensureSchedules(client);
  const ring = ringVia(client);
  const lateBell = historyBell(deps, 'sweep');
  const workers = await Promise.all(
    parts.queues.map((queue) => createWorker(queue, connection, config, deps, parts.interceptors ?? [])),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  const sweep = parts.queues.includes('intake') ? startSweep(deps, ring, lateBell) : undefined;
  const sources = parts.queues.includes('intake') ? keepSources(deps) : undefined;
  const schedules = parts.queues.includes('batch') ? keepSchedules(deps) : undefined;
  const statistics = parts.queues.includes('batch') ? keepStatistics(deps) : undefined;
  const sampler = parts.queues.includes('batch') ? startSampler(deps) : undefined;
  const api = parts.api ? await openApi(config, deps, ring, connection) : undefined;
  deps.log.info({ pid: process.pid, queues: parts.queues, port: api?.port }, 'earshot is up');
  // A worker that ends by itself has failed: the process ends with it, for a supervisor to start it again.
  await (workers.length === 0 ? stopped : Promise.race([stopped, running]));
  deps.log.info({ pid: process.pid }, 'earshot is draining');
  deps.drain();
  await api?.stop();
  await sweep?.stop();
  await lateBell.close();
  await sources?.stop();
  await schedules?.stop();
  await statistics?.stop();
  await sampler?.stop();
  workers.forEach((worker) => worker.shutdown());
  await running;
  await connection.close();
  await deps.close();
}

/** Serves the API, with what it alone reads. */
async function openApi(
  config: Config,
  deps: Dependencies,
  ring: Ring,
  connection: NativeConnection,
): Promise<RunningApi> {
  const expectations = await ExpectationReader.open(deps.database, deps.dials);
  const limits = await TenantQuotas.open(deps.database, deps.dials);
  const routes = apiDependencies(config, deps, { ring, connection, limits, expectations });
  const api = await startApi(config, routes);
  return {
    port: api.port,
    stop: async () => {
      await api.stop();
      await routes.historyBell.close();
      expectations.close();
      limits.close();
    },
  };
}

/** What the API alone opens. */
export interface ApiParts {
  readonly ring: Ring;
  readonly connection: NativeConnection;
  readonly limits: TenantQuotas;
  readonly expectations?: ExpectationSource;
}

/** What routes use, over what workers use. */
export function apiDependencies(
  config: Config,
  deps: Dependencies,
  { ring, connection, limits, expectations = NOTHING_EXPECTED }: ApiParts,
): ApiDependencies {
  return {
    ...deps,
    expectations,
    ring,
    limits,
    bells: new Bells({ ...deps, ring }),
    historyBell: historyBell(deps, 'intake'),
    uploads: new UploadBudget(deps.dials, new Set(config.EARSHOT_API_KEYS.map(({ tenant }) => tenant)).size > 1),
    quotas: new Quotas({ ...deps, limits }),
    drain: new DrainReader(deps.database),
    ids: keyedIds(config.EARSHOT_CUSTOMER_SECRET),
    checkTemporal: async () => {
      await connection.withDeadline(Date.now() + 3_000, () => connection.workflowService.getSystemInfo({}));
    },
  };
}

function historyBell(deps: Dependencies, by: 'intake' | 'sweep'): HistoryBell {
  const { temporal, dials, metrics, log } = deps;
  const ringLane = by === 'intake' ? ringForHistory : startHistory;
  return new HistoryBell({
    ring: (tenant) => ringLane(temporal, tenant, dials.get('intake.ring_timeout_ms')),
    // A lane that waits for company hears of it before it ends.
    everyMs: () => (by === 'intake' ? dials.get('history.window_ms') / 2 : dials.get('sweep.ring_after_ms')),
    onRung: (tenant) => {
      metrics.rung.inc({ channel: 'chat', by });
      // A lane that has much to do is rung all the while.
      if (by === 'sweep') log.debug({ tenant }, 'rang for history that waited');
    },
    onFailed: (error) => {
      metrics.ringFailed.inc({ channel: 'chat' });
      log.warn(errorForLog(error), 'the ring for history failed and is left to the sweep');
    },
  });
}

/** Signals are handled above, in an order of our own; the SDK's native logs come out as warnings and errors alone. */
function installRuntime(): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message }) => {
      console.error(JSON.stringify({ level: level.toLowerCase(), msg: message.split('\n')[0] }));
    }),
  });
}

/** Ends a process that cannot go on, with one line that quotes no data. */
export function endProcess(error: unknown): void {
  console.error(JSON.stringify({ level: 'fatal', ...errorForLog(error) }));
  process.exit(1);
}
