import { readDatabaseUrl } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { endProcess } from './run.ts';

try {
  const applied = await migrate(readDatabaseUrl(), (line) => console.log(line));
  if (applied.length === 0) console.log('The schema is up to date.');
} catch (error) {
  endProcess(error);
}
