import { endProcess, runProcess } from './run.ts';

await runProcess({ api: true, queues: [] }).catch(endProcess);
