import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { readConfig, type Config } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { DEPLOYMENT_TENANT } from '../src/domain/tenant.ts';
import { importHistory, linesFiles } from '../src/import/import-history.ts';
import { Pace } from '../src/import/pace.ts';
import { connectTemporal } from '../src/temporal/connection.ts';
import { ringVia } from '../src/temporal/ring.ts';
import { TenantQuotas } from '../src/tenant-quotas.ts';
import { openDependencies } from './dependencies.ts';
import { apiDependencies, endProcess } from './run.ts';

// npm run import -- [--tenant NAME] FILE|FOLDER: hands history over, line by line, as the channels would have (docs/truth-on-demand.md).
// Run again after any end, it adds what is missing.

const USAGE = 'npm run import -- [--tenant NAME] FILE|FOLDER';

try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { tenant: { type: 'string' } } });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new EarshotError('misconfigured', USAGE);
  await runImport(path, values.tenant ?? DEPLOYMENT_TENANT);
} catch (error) {
  if (!(error instanceof EarshotError) || error.code !== 'misconfigured') endProcess(error);
  console.error((error as Error).message);
  process.exitCode = 2;
}

async function runImport(path: string, tenant: string): Promise<void> {
  const files = await linesFiles(path).catch(() => {
    throw new EarshotError('misconfigured', 'the file or folder cannot be read');
  });
  const config = { ...readConfig(), LOG_LEVEL: 'warn' as const };
  checkTenant(config, tenant);
  await migrate(config.DATABASE_URL);
  const connection = await connectTemporal(config);
  const deps = await openDependencies(config, new Client({ connection, namespace: config.TEMPORAL_NAMESPACE }));
  const ring = ringVia(deps.temporal, 'bulk');
  const pace = new Pace(deps, tenant, (why) => console.error(`paused: ${why}`));
  const limits = await TenantQuotas.open(deps.database, deps.dials);
  const api = apiDependencies(config, deps, { ring, connection, limits });
  const { counts, failure } = await importHistory(api, tenant, files, pace, {
    onRefused: ({ file, line, code, message }) => console.error(`${file}:${line}: ${code}: ${message}`),
    onToldToWait: (code, waitMs) => console.error(`told to wait ${Math.ceil(waitMs / 1_000)} s: ${code}`),
  });
  await api.bells.drained();
  await api.historyBell.close();
  limits.close();
  console.log(JSON.stringify(counts));
  await connection.close();
  await deps.close();
  if (failure !== undefined) throw failure;
  if (Object.keys(counts.refusedBy).length > 0) process.exitCode = 1;
}

/** A name that is mistyped must not become a tenant. @throws EarshotError `misconfigured` */
function checkTenant({ EARSHOT_API_KEYS: keys }: Config, tenant: string): void {
  if (tenant === DEPLOYMENT_TENANT || keys.some((key) => key.tenant === tenant)) return;
  throw new EarshotError(
    'misconfigured',
    '--tenant is none of the deployment: a key of EARSHOT_API_KEYS has to name it',
  );
}
