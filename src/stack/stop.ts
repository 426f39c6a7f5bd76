import { stopApplication, STACK_FOLDER } from './session.ts';
import { stopParts } from './stack.ts';

await stopApplication();
const stopped = await stopParts(STACK_FOLDER);
console.log(stopped.length === 0 ? 'Nothing was running.' : `Stopped: ${stopped.join(', ')}.`);
