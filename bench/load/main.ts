import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linesTo } from '../../src/stack/progress.ts';
import { stopParts } from '../../src/stack/stack.ts';
import { CACHE } from '../../src/stack/tools.ts';
import { audit, keepsPromises } from './audit.ts';
import { openEyes } from './eyes.ts';
import { readOptions, USAGE, type LoadOptions } from './options.ts';
import { isClean } from './report/report.ts';
import { fatesOf, tableOf } from './report/table.ts';
import { runLoad, runName } from './run.ts';
import { statusLine } from './status-line.ts';
import { givenTarget, startTarget } from './target.ts';
import { readWitness } from './witness.ts';

// `npm run load -- --profile monday --speed 60`: the seeds' day against a whole Earshot, and what became of each record
// (docs/load.md). Ends with 1 when a promise was broken. Ctrl-C ends the sending and audits what was sent; a second one
// ends the run.

const options = wanted();
if (options.audit !== undefined) await auditAgain(options.audit, options.target!);
const sending = new AbortController();
const interrupted = Promise.withResolvers<never>();
interrupted.promise.catch(() => undefined);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (sending.signal.aborted) interrupted.reject(new Error('The run was interrupted.'));
    sending.abort();
  });
}
const run = runName();
const folder = join(CACHE, 'load', run);
const stackFolder = join(folder, 'stack');
const target =
  options.target === undefined
    ? await startTarget(
        stackFolder,
        options,
        linesTo((line) => console.log(line)),
      )
    : givenTarget(options.target);
const status = statusLine(process.stdout);
try {
  const running = runLoad(run, folder, options, target, sending.signal, (phase, sample) => status.tell(phase, sample));
  const report = await Promise.race([running, interrupted.promise]);
  status.end();
  console.log(`${tableOf(report)}\n${join(folder, 'report.html')}`);
  if (!isClean(report)) process.exitCode = 1;
} catch (error) {
  status.end();
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await target.stop();
  if (options.target === undefined) await stopParts(stackFolder);
  if (!options.keep) await rm(stackFolder, { recursive: true, force: true });
}
// A run that was interrupted still waits for answers that nobody needs.
process.exit();

async function auditAgain(witness: string, given: NonNullable<LoadOptions['target']>): Promise<never> {
  const eyes = openEyes(given);
  const seen = await audit(await readWitness(witness), eyes.look, await eyes.lateAfterMs());
  await eyes.close();
  console.log(fatesOf(seen));
  process.exit(keepsPromises(seen) ? 0 : 1);
}

function wanted(): LoadOptions {
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== 'help') return read;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
