import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { z } from 'zod';
import { EarshotError, invalidField } from '../domain/errors.ts';
import { checkReserved } from '../api/reserved-customers.ts';
import type { ApiDependencies } from '../api/dependencies.ts';
import { parseFields, type RouteSpec } from '../api/route.ts';
import { postCall, postCallEnd, postSegment } from '../api/routes/calls.ts';
import { endChat, postMessage } from '../api/routes/chats.ts';
import { postScreenshot } from '../api/routes/screenshots.ts';

/** The routes that a line of history may stand for, by its field `type`. */
const ROUTES: Readonly<Record<string, RouteSpec>> = {
  message: postMessage,
  'chat-end': endChat,
  call: postCall,
  segment: postSegment,
  'call-end': postCallEnd,
  screenshot: postScreenshot,
};

const head = z.looseObject({
  type: z.enum(Object.keys(ROUTES)),
  /** Audio or picture of the record, a path relative to the file of lines. */
  file: z.string().min(1).optional(),
  idempotencyKey: z.string().min(1).max(200).optional(),
});

/**
 * Hands one line of history over, by the handler of the route that a channel would have called: the same checks, the
 * same ids, the same statement. What was accepted before is accepted again without effect.
 *
 * @param tenant whose history it is.
 * @throws EarshotError as the route does; its message names fields and never repeats a value.
 */
export async function importLine(deps: ApiDependencies, tenant: string, folder: string, line: string): Promise<void> {
  // Names the import in records of what was changed.
  const caller = { tenant, keyName: 'import', canary: false };
  const { type, file, idempotencyKey, ...fields } = parseFields(head, parseJson(line), '');
  const spec = ROUTES[type]!;
  const names = Object.keys(spec.params?.shape ?? {});
  const params = Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
  const body = Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
  if ((file === undefined) !== (spec.upload === undefined)) {
    throw invalidField('file', spec.upload === undefined ? 'is not known' : 'must name the audio or picture');
  }
  const checked = {
    params: parseFields(spec.params ?? z.object({}), params, ''),
    body: parseFields(spec.body ?? z.object({}), body, ''),
  };
  checkReserved(caller, checked.params, checked.body);
  await spec.handle({
    deps,
    caller,
    ...checked,
    file: file === undefined ? Buffer.alloc(0) : await readInside(folder, file, spec.upload!.maxBytes(deps)),
    query: {},
    bulk: true,
    idempotencyKey,
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw invalidField('line', 'is no JSON');
  }
}

/** Reads a file that lies in the folder, also when links are followed. One that is too large is not read. */
async function readInside(folder: string, name: string, maxBytes: number): Promise<Buffer> {
  const missing = () => invalidField('file', 'is not in the folder of the import');
  const root = await realpath(folder);
  const path = await realpath(resolve(root, name)).catch(() => Promise.reject(missing()));
  if (!path.startsWith(root + sep)) throw missing();
  const found = await stat(path).catch(() => Promise.reject(missing()));
  if (!found.isFile()) throw invalidField('file', 'is no file');
  if (found.size > maxBytes) throw tooLarge(maxBytes);
  const bytes = await readFile(path).catch(() => Promise.reject(invalidField('file', 'cannot be read')));
  // It may have grown since.
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

function tooLarge(maxBytes: number): EarshotError {
  const message = `is larger than ${maxBytes} bytes`;
  return new EarshotError('too_large', `file: ${message}`, { fields: [{ field: 'file', message }] });
}
