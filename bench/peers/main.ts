import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linesTo } from '../../src/stack/progress.ts';
import { CACHE } from '../../src/stack/tools.ts';
import { readArguments } from './arguments.ts';
import { installPeers, peerVersions } from './install.ts';
import { machine } from './machine.ts';
import { reportTables } from './report.ts';
import { runRounds } from './rounds.ts';
import { openWorld } from './world.ts';
import { forDocs, forTerminal } from './written.ts';

// `npm run bench:peers [-- --rounds 5 --contenders earshot,dbos,none --scenarios lone,burst-50,burst-500,kill]`: Earshot
// beside other engines and beside none, on this machine, over one Postgres and one stub of the models. Compare the
// ratios. docs/performance.md says what each does and does not do.

const options = readArguments(process.argv.slice(2));
const progress = linesTo((line) => console.log(line));
await installPeers(progress);
const world = await openWorld(progress);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort();
    void world.stop().finally(() => process.exit(1));
  });
}
try {
  const { failures, ...figures } = await runRounds(options, world, progress, interruption.signal);
  const about = { ...machine(), versions: await peerVersions(), arguments: process.argv.slice(2) };
  const tables = reportTables(options, { failures, ...figures });
  console.log(`\n${forTerminal(about, tables, failures)}`);
  const folder = join(CACHE, 'bench-peers-results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, about.date.replaceAll(':', '-'));
  await writeFile(`${file}.json`, JSON.stringify({ about, failures, ...figures }));
  await writeFile(`${file}.md`, forDocs(about, tables, failures));
  console.log(`\nAll figures: ${file}.json; the tables for docs/performance.md: ${file}.md`);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  await world.stop();
}
