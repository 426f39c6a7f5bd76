import { z } from 'zod';
import { EarshotError } from '../../domain/errors.ts';
import { readRegistry, type RegisteredSchema } from '../../schemas/registry.ts';
import { route } from '../route.ts';

let registered: RegisteredSchema[] | undefined;

/** Read once: what was shipped does not change while a process runs. */
function registry(): RegisteredSchema[] {
  return (registered ??= readRegistry());
}

export const getSchemas = route({
  method: 'get',
  path: '/v1/schemas',
  scope: 'channel',
  summary: 'List the schemas of what channels send and of what is sealed of it, with their versions',
  status: 200,
  answer: z.object({ schemas: z.array(z.object({ name: z.string(), versions: z.array(z.int()), newest: z.int() })) }),
  handle: () => {
    const byName = Map.groupBy(registry(), ({ name }) => name);
    const schemas = [...byName].map(([name, all]) => ({
      name,
      versions: all.map(({ version }) => version),
      newest: all.length,
    }));
    return Promise.resolve({ schemas });
  },
});

export const getSchema = route({
  method: 'get',
  path: '/v1/schemas/{name}/{version}',
  scope: 'channel',
  summary: 'Read one version of a schema, as JSON Schema 2020-12',
  params: z.object({ name: z.string(), version: z.string() }),
  status: 200,
  answer: z.looseObject({ $schema: z.string() }),
  handle: ({ params: { name, version } }) => {
    const found = registry().find((each) => each.name === name && String(each.version) === version);
    if (found === undefined) {
      return Promise.reject(new EarshotError('not_found', 'there is no schema of this name and version'));
    }
    return Promise.resolve(found.schema);
  },
});
