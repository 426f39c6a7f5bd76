import type { Request, Response } from 'express';
import { EarshotError, ERROR_POLICIES } from '../domain/errors.ts';
import { errorForLog } from '../observe/log.ts';
import type { ApiDependencies } from './dependencies.ts';

/** How long a client is asked to wait when the other side named no time. */
const DEFAULT_RETRY_SECONDS = 5;

/** Answers an error as RFC 9457 problem+json. Errors that are not our own say nothing of what happened. */
export function sendProblem(deps: ApiDependencies, request: Request, response: Response, thrown: unknown): void {
  const error = asEarshotError(thrown);
  const route = typeof request.route === 'object' ? String((request.route as { path: string }).path) : 'unknown';
  deps.metrics.refused.inc({ route, code: error.code });
  if (error.status >= 500) deps.log.error({ route, ...errorForLog(thrown) }, 'request failed');
  if (response.headersSent) return void response.destroy();
  if (error.status === 429 || error.status === 503) {
    const seconds = error.retryAfterMs === undefined ? DEFAULT_RETRY_SECONDS : Math.ceil(error.retryAfterMs / 1000);
    response.set('retry-after', String(seconds));
  }
  if (error.status === 401) response.set('www-authenticate', 'Bearer');
  response
    .status(error.status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:earshot:${error.code}`,
        title: ERROR_POLICIES[error.code].title,
        status: error.status,
        detail: error.message,
        ...(error.fields.length > 0 ? { errors: error.fields } : {}),
        ...(error.details === undefined ? {} : { details: error.details }),
      }),
    );
}

interface BodyParserError extends Error {
  readonly type: string;
}

function asEarshotError(thrown: unknown): EarshotError {
  if (thrown instanceof EarshotError) return thrown;
  if (thrown instanceof Error && 'type' in thrown) return bodyError(thrown as BodyParserError);
  if (thrown instanceof URIError) return new EarshotError('invalid_request', 'the path is not well-formed');
  return new EarshotError('database_unavailable', 'an unexpected error; the log has its code');
}

/** Errors of express.json(). */
function bodyError({ type }: BodyParserError): EarshotError {
  const fields = [{ field: 'body', message: 'is not JSON' }];
  if (type === 'entity.too.large') return new EarshotError('too_large', 'the body is larger than the limit');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new EarshotError('unsupported_format', 'the encoding of the body is not supported');
  }
  return new EarshotError('invalid_request', 'body: is not JSON', { fields });
}
