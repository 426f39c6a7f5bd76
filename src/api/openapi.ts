import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { DEPLOYMENT_TENANT } from '../domain/tenant.ts';
import type { RouteSpec } from './route.ts';
import { problem } from './schemas.ts';

type Document = ReturnType<OpenApiGeneratorV31['generateDocument']>;

/** The OpenAPI 3.1 document of the routes, made from the schemas that check the requests. */
export function openApiDocument(routes: readonly RouteSpec[]): Document {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer' });
  routes.forEach((spec) => registry.registerPath(describeRoute(spec)));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Earshot', version: '1', description: 'The durable memory of a support organisation.' },
  });
}

function describeRoute(spec: RouteSpec): RouteConfig {
  const body = bodyContent(spec);
  const headers = headersOf(spec);
  return {
    method: spec.method,
    path: spec.path,
    summary: spec.summary,
    ...(spec.deployment === true ? { description: CONCERNS_ALL } : {}),
    tags: [spec.scope],
    security: [{ apiKey: [spec.scope] }],
    request: {
      ...(spec.params === undefined ? {} : { params: spec.params }),
      ...(spec.query === undefined ? {} : { query: spec.query }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    },
    responses: {
      [spec.status]: { description: 'Done', content: answerContent(spec) },
      ...(spec.scope === 'channel' || spec.reprocesses === true ? { 429: TOO_MUCH } : {}),
      default: { description: 'A problem', content: { 'application/problem+json': { schema: problem } } },
    },
  };
}

const CONCERNS_ALL = `Concerns all tenants: needs a key of the deployment's own, \`${DEPLOYMENT_TENANT}\`; other tenants get a 403.`;

function headersOf({ scope, idempotencyKey }: RouteSpec) {
  const key = { 'Idempotency-Key': z.string().max(200).optional() };
  if (scope !== 'channel') return idempotencyKey === true ? z.object(key) : undefined;
  const priority = z.string().optional().openapi({
    description: '`u=7` (RFC 9218) says that nobody waits for the record: it is taken as history, as old ones are.',
  });
  return z.object({ ...key, Priority: priority });
}

const TOO_MUCH = {
  description: 'Not now: too much is under way (`urn:earshot:overloaded`), or a quota of the tenant is used up',
  headers: z.object({ 'Retry-After': z.string().openapi({ description: 'Seconds after which to send it again' }) }),
  content: { 'application/problem+json': { schema: problem } },
} as const;

function answerContent({ answer }: RouteSpec) {
  if (!('mediaType' in answer)) return { 'application/json': { schema: answer } };
  return { [answer.mediaType]: { schema: answer.schema ?? z.string().openapi({ format: 'binary' }) } };
}

function bodyContent({ body, upload }: RouteSpec) {
  if (body === undefined) return undefined;
  if (upload === undefined) return { required: true, content: { 'application/json': { schema: body } } };
  const bytes = z.string().openapi({ format: 'binary' });
  return {
    required: true,
    content: { 'multipart/form-data': { schema: z.object({ [upload.file]: bytes, metadata: body }) } },
  };
}
