import { optionsOf } from './options.ts';
import { serveStubModels } from './server.ts';

// `node bench/stub-models/main.ts --port 8282 --embedding-base-ms 20`: serves until SIGTERM, SIGINT, or, when another
// process started it by start.ts, that one's end.

const stub = await serveStubModels(optionsOf(process.argv.slice(2)));
console.log(stub.url);
const end = () => void stub.stop().then(() => process.exit(0));
process.once('SIGTERM', end);
process.once('SIGINT', end);
process.once('disconnect', end);
