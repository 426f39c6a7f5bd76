import { TASK_QUEUES, type TaskQueue } from '../src/domain/task-queues.ts';
import { endProcess, runProcess } from './run.ts';

const isQueue = (name: string): name is TaskQueue => (TASK_QUEUES as readonly string[]).includes(name);
const queues = process.argv.slice(2);

if (queues.length > 0 && queues.every(isQueue)) {
  await runProcess({ api: false, queues }).catch(endProcess);
} else {
  console.error(`npm run worker -- QUEUE…, one or more of: ${TASK_QUEUES.join(', ')}`);
  process.exitCode = 2;
}
