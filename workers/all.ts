import { TASK_QUEUES } from '../src/domain/task-queues.ts';
import { endProcess, runProcess } from './run.ts';

await runProcess({ api: true, queues: TASK_QUEUES }).catch(endProcess);
