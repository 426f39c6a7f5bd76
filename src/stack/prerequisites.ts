import { join } from 'node:path';
import { EarshotError } from '../domain/errors.ts';
import { CACHE, exists, works } from './tools.ts';

/** The versions for which every package of model-server/requirements.txt has a wheel. */
const PYTHON_TEST = 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))';

/**
 * Checks everything that a fresh machine must have, before anything is started.
 *
 * @throws EarshotError `misconfigured` with one line for each thing that is missing, naming the ways out.
 */
export async function checkPrerequisites(env: NodeJS.ProcessEnv): Promise<void> {
  const missing: string[] = [];
  const embeddedPython = env['DATABASE_URL'] === undefined || env['OPENAI_BASE_URL'] === undefined;
  if (embeddedPython && !(await works('python3', ['-c', PYTHON_TEST], env))) {
    missing.push(
      'Python 3.10 to 3.14 with venv is missing as python3: install it (Debian: python3 and python3-venv), or set ' +
        'DATABASE_URL and OPENAI_BASE_URL to use a Postgres and models of your own',
    );
  }
  if (env['TEMPORAL_ADDRESS'] === undefined && !(await temporalCanBeHad(env))) {
    missing.push(
      'A Temporal server is missing: install Go or the temporal CLI, connect to a network that reaches ' +
        "Temporal's downloads, or set TEMPORAL_ADDRESS to use a server of your own",
    );
  }
  if (missing.length > 0) throw new EarshotError('misconfigured', missing.join('\n'));
}

async function temporalCanBeHad(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (await exists(join(CACHE, 'bin', 'temporal'))) return true;
  if (await works('temporal', ['--version'], env)) return true;
  if (await works('go', ['version'], env)) return true;
  const answer = await fetch('https://temporal.download', { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  return answer !== undefined;
}
