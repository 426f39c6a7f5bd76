import { join } from 'node:path';
import { endProcess, readJson, type ProcessIdentity } from './processes.ts';
import { stopParts } from './stack.ts';
import { CACHE } from './tools.ts';

const folder = join(CACHE, 'stack');
const application = await readJson<ProcessIdentity>(join(folder, 'application.json'));
if (application !== undefined) await endProcess(application, 'SIGTERM', 40_000);
const stopped = await stopParts(folder);
console.log(stopped.length === 0 ? 'Nothing was running.' : `Stopped: ${stopped.join(', ')}.`);
