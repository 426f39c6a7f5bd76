import type { Request } from 'express';
import { z } from 'zod';
import type { Scope } from '../api-keys.ts';
import { EarshotError, type FieldError } from '../domain/errors.ts';
import { saysBulk } from '../domain/work-class.ts';
import { admitReprocessing, admitUnread } from './admit.ts';
import type { ApiDependencies } from './dependencies.ts';
import { readMultipart } from './multipart.ts';
import { checkReserved } from './reserved-customers.ts';
import type { StreamedMedia } from './streamed-answer.ts';

/** Who calls: taken from the API key, never from the body. */
export interface Caller {
  readonly tenant: string;
  /** Names the key in records of what was changed, without revealing it. */
  readonly keyName: string;
  /** Whether it is Earshot itself, with a canary. */
  readonly canary: boolean;
}

export interface Upload {
  readonly file: 'audio' | 'image';
  maxBytes(deps: ApiDependencies): number;
}

interface RouteInput<Params, Body> {
  readonly deps: ApiDependencies;
  readonly caller: Caller;
  readonly params: Params;
  /** The JSON body, or the part `metadata` of an upload. */
  readonly body: Body;
  /** Bytes of the upload; empty for other routes. */
  readonly file: Buffer;
  readonly query: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string | undefined;
  /** Whether the caller says by `Priority: u=7` (RFC 9218) that nobody waits for what it hands over. */
  readonly bulk: boolean;
}

/** One route: what it takes, what it answers and what it does. The OpenAPI document is made from the same. */
export interface RouteSpec<Params = unknown, Body = unknown> {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With `{name}` for path parameters, as in OpenAPI. */
  readonly path: string;
  readonly scope: Scope;
  /** Whether canaries take this way too. */
  readonly canaries?: true;
  /** Whether it concerns all tenants: it needs a key of the deployment's own then. */
  readonly deployment?: true;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType<Body>;
  readonly upload?: Upload;
  /** Whether it heeds the header `Idempotency-Key`, as all routes of channels do. */
  readonly idempotencyKey?: true;
  /** Whether it begins to go through much of the memory again, and is refused when that has to wait. */
  readonly reprocesses?: true;
  readonly status: 200 | 202;
  /** Of the JSON answered; or a media type, when the handler answers a `StreamedAnswer`. */
  readonly answer: z.ZodType | StreamedMedia;
  handle(input: RouteInput<Params, Body>): Promise<unknown>;
}

/** A route whose handler's input is typed by its schemas. What it answers keeps its type, for those who read it. */
export function route<
  ParamsSchema extends z.ZodObject,
  BodySchema extends z.ZodType,
  Answer extends RouteSpec['answer'],
>(
  spec: Omit<RouteSpec, 'params' | 'body' | 'answer' | 'handle'> & {
    readonly params?: ParamsSchema;
    readonly body?: BodySchema;
    readonly answer: Answer;
    handle(input: RouteInput<z.output<ParamsSchema>, z.output<BodySchema>>): Promise<unknown>;
  },
): RouteSpec & { readonly answer: Answer } {
  return spec;
}

const headerShape = z.object({ 'Idempotency-Key': z.string().min(1).max(200).optional() });

/** Reads and checks a request and runs the route. An upload holds its room until it is stored. */
export async function runRoute(
  spec: RouteSpec,
  deps: ApiDependencies,
  caller: Caller,
  request: Request,
): Promise<unknown> {
  const params = parseFields(spec.params ?? z.object({}), request.params, '');
  const query = parseFields(spec.query ?? z.object({}), request.query, '');
  const headers = parseFields(headerShape, { 'Idempotency-Key': request.get('idempotency-key') }, '');
  const bulk = saysBulk(request.get('priority'));
  const input = { deps, caller, params, query, bulk, idempotencyKey: headers['Idempotency-Key'] };
  if (spec.reprocesses === true) await admitReprocessing(deps, caller.tenant);
  const { upload } = spec;
  const handle = (body: unknown, file: Buffer) => {
    checkReserved(caller, params, query, body);
    return spec.handle({ ...input, body, file });
  };
  if (upload === undefined) return handle(jsonBody(spec, request), Buffer.alloc(0));
  if (!caller.canary) await admitUnread(deps, caller.tenant, upload.file, bulk);
  const maxBytes = upload.maxBytes(deps);
  const bytes = Math.min(Number(request.get('content-length') ?? maxBytes), maxBytes);
  return deps.uploads.use(caller.tenant, bytes, async () => {
    const { file, metadata } = await readMultipart(request, {
      file: upload.file,
      maxFileBytes: maxBytes,
      maxMetadataBytes: deps.dials.get('intake.metadata_max_bytes'),
    });
    return handle(parseFields(spec.body ?? z.unknown(), metadata, 'metadata.'), file);
  });
}

function jsonBody(spec: RouteSpec, request: Request): unknown {
  if (spec.body === undefined) return {};
  if (request.body === undefined) throw new EarshotError('unsupported_format', 'the body must be application/json');
  return parseFields(spec.body, request.body, '');
}

/** @throws EarshotError `invalid_request` with each field at fault; values are not repeated. */
export function parseFields<T>(schema: z.ZodType<T>, value: unknown, prefix: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = result.error.issues.flatMap((issue): FieldError[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        field: `${prefix}${[...issue.path, key].join('.')}`,
        message: 'is not known',
      }));
    }
    return [{ field: `${prefix}${issue.path.join('.') || 'body'}`, message: issue.message }];
  });
  const text = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new EarshotError('invalid_request', text, { fields });
}
