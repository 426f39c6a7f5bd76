import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { readConfig } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { importHistory, linesFiles } from '../src/import/import-history.ts';
import { Pace } from '../src/import/pace.ts';
import { connectTemporal } from '../src/temporal/connection.ts';
import { ringVia } from '../src/temporal/ring.ts';
import { openDependencies } from './dependencies.ts';
import { apiDependencies, endProcess } from './run.ts';

// npm run import -- FILE|FOLDER: hands history over, line by line, as the channels would have (docs/truth-on-demand.md).
// Run again after any end, it adds what is missing.

const USAGE = 'npm run import -- FILE|FOLDER';

try {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new EarshotError('misconfigured', USAGE);
  await runImport(path);
} catch (error) {
  if (!(error instanceof EarshotError) || error.code !== 'misconfigured') endProcess(error);
  console.error((error as Error).message);
  process.exitCode = 2;
}

async function runImport(path: string): Promise<void> {
  const files = await linesFiles(path).catch(() => {
    throw new EarshotError('misconfigured', 'the file or folder cannot be read');
  });
  const config = { ...readConfig(), LOG_LEVEL: 'warn' as const };
  await migrate(config.DATABASE_URL);
  const connection = await connectTemporal(config);
  const deps = await openDependencies(config, new Client({ connection, namespace: config.TEMPORAL_NAMESPACE }));
  const ring = ringVia(deps.temporal, 'bulk');
  const pace = new Pace(deps, 'default', (why) => console.error(`paused: ${why}`));
  const api = apiDependencies(config, deps, ring, connection);
  const { counts, failure } = await importHistory(api, files, pace, {
    onRefused: ({ file, line, code, message }) => console.error(`${file}:${line}: ${code}: ${message}`),
    onToldToWait: (code, waitMs) => console.error(`told to wait ${Math.ceil(waitMs / 1_000)} s: ${code}`),
  });
  await api.bells.drained();
  await api.historyBell.close();
  console.log(JSON.stringify(counts));
  await connection.close();
  await deps.close();
  if (failure !== undefined) throw failure;
  if (Object.keys(counts.refusedBy).length > 0) process.exitCode = 1;
}
