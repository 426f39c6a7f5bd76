import { REGISTERED_SCHEMAS } from '../src/api/registered-schemas.ts';
import { readRegistry, schemaChanges, writeVersion, type SchemaChange } from '../src/schemas/registry.ts';

/**
 * `npm run schemas`: writes the next version of each schema that the code has changed, and refuses what would no longer
 * take what channels send or what lies in the log. With `--check` it writes nothing.
 */
const changes = schemaChanges(readRegistry(), REGISTERED_SCHEMAS);
const check = process.argv.includes('--check');
changes.forEach(carryOut);
if (changes.length === 0) console.log('the registry holds every schema of the code');
if (changes.some(({ kind }) => kind !== 'new_version' || check)) process.exitCode = 1;

function carryOut(change: SchemaChange): void {
  switch (change.kind) {
    case 'new_version':
      if (!check) writeVersion(change);
      return console.log(`${change.name}: version ${change.version} is ${check ? 'not in the registry' : 'new'}`);
    case 'rewritten':
      return console.error(`${change.name}: version ${change.version} was shipped and must not change`);
    case 'gone':
      return console.error(`${change.name}: what was shipped is gone from the code`);
    case 'breaking':
      console.error(`${change.name}: the change is breaking; version ${change.version} is refused`);
      for (const { path, message } of change.breaks) console.error(`  ${path === '' ? 'document' : path}: ${message}`);
  }
}
