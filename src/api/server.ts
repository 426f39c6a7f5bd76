import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import swaggerUi from 'swagger-ui-express';
import type { ApiKeySetting } from '../api-keys.ts';
import { EarshotError } from '../domain/errors.ts';
import { authenticator, type Authenticate } from './authenticate.ts';
import type { ApiDependencies } from './dependencies.ts';
import { openApiDocument } from './openapi.ts';
import { sendProblem } from './problem.ts';
import { ServiceRecord } from './service-record.ts';
import { runRoute, type RouteSpec } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { mountStatusPage } from './status-page.ts';
import { sendStreamed, type StreamedAnswer } from './streamed-answer.ts';

export interface ApiSettings {
  readonly HOST: string;
  readonly PORT: number;
  readonly EARSHOT_API_KEYS: readonly ApiKeySetting[];
}

export interface RunningApi {
  readonly port: number;
  /** Takes no new requests, finishes those under way, then closes. */
  stop(): Promise<void>;
}

/** JSON bodies are messages and questions; the dials bound their parts. */
const JSON_LIMIT = '1mb';

/** Longest that a client may take for a request, so that slow ones hold no connection for ever. */
const REQUEST_TIMEOUT_MS = 120_000;

export async function startApi(settings: ApiSettings, deps: ApiDependencies): Promise<RunningApi> {
  const authenticate = authenticator(settings.EARSHOT_API_KEYS, deps.canaryKeys);
  const stopping = new AbortController();
  const record = new ServiceRecord(deps);
  const server = createServer(createApp(deps, authenticate, stopping.signal, record));
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = 10_000;
  await listen(server, settings);
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      stopping.abort();
      server.closeIdleConnections();
      await closed;
      await deps.bells.drained();
      await record.stop();
    },
  };
}

async function listen(server: Server, { HOST, PORT }: ApiSettings): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new EarshotError('misconfigured', `PORT ${PORT} on ${HOST} cannot be listened on: ${error.code ?? error.name}`),
      ),
    );
    server.listen(PORT, HOST, resolve);
  });
}

export function createApp(
  deps: ApiDependencies,
  authenticate: Authenticate,
  stopping: AbortSignal,
  record: ServiceRecord,
): Express {
  const app = express();
  const problem = (error: unknown, request: Request, response: Response, _next: NextFunction) =>
    sendProblem(deps, request, response, error);
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  mountPublicPages(app, deps);
  app.use(helmet());
  app.use(limiter(deps));
  for (const spec of ROUTES) {
    const path = spec.path.replace(/\{(\w+)\}/g, ':$1');
    const parser = spec.body !== undefined && spec.upload === undefined ? [express.json({ limit: JSON_LIMIT })] : [];
    app[spec.method](path, guard(authenticate, spec), record.observe(spec), ...parser, answer(spec, deps, stopping));
  }
  app.get('/metrics', (request, response, next) => {
    authenticate(request, { scope: 'operator', deployment: true });
    deps.metrics.registry.metrics().then((text) => response.type(deps.metrics.registry.contentType).send(text), next);
  });
  app.use((request) => {
    throw new EarshotError('not_found', `there is no route ${request.method} here; see /docs`);
  });
  app.use(problem);
  return app;
}

/** A request without a valid key is refused before its body is read. */
function guard(authenticate: Authenticate, spec: RouteSpec) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.locals['caller'] = authenticate(request, spec);
    next();
  };
}

function answer(spec: RouteSpec, deps: ApiDependencies, stopping: AbortSignal) {
  return async (request: Request, response: Response): Promise<void> => {
    const { caller } = response.locals as { caller: Parameters<typeof runRoute>[2] };
    const result = await runRoute(spec, deps, caller, request);
    response.status(spec.status);
    if ('mediaType' in spec.answer) {
      await sendStreamed(response, spec.answer.mediaType, result as StreamedAnswer, stopping);
    } else {
      response.json(result);
    }
  };
}

function limiter(deps: ApiDependencies) {
  return rateLimit({
    windowMs: 60_000,
    limit: () => deps.dials.get('intake.requests_per_minute'),
    // However the scheme is written: Bearer, bearer.
    keyGenerator: (request) => request.get('authorization')?.split(' ').at(-1) ?? 'anonymous',
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    handler: (_request, _response, next) =>
      next(new EarshotError('overloaded', 'this key has sent too many requests', { retryAfterMs: 5_000 })),
  });
}

/** What needs no key: whether the process lives and works, the documentation, and the page that asks for one. */
function mountPublicPages(app: Express, deps: ApiDependencies): void {
  const document = openApiDocument(ROUTES);
  app.get('/healthz', (_request, response) => void response.json({ status: 'up' }));
  app.get('/readyz', async (_request, response) => {
    const checks = await readiness(deps);
    const ready = Object.values(checks).every((state) => state === 'ok');
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', checks });
  });
  app.get('/openapi.json', (_request, response) => void response.json(document));
  mountStatusPage(app);
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(document, { customSiteTitle: 'Earshot' }));
}

async function readiness(deps: ApiDependencies): Promise<Record<string, string>> {
  const signal = AbortSignal.timeout(5_000);
  const check = (promise: Promise<void>) =>
    promise.then(
      () => 'ok',
      (error: unknown) => codeOf(error),
    );
  const [postgres, temporal, rawStore] = await Promise.all([
    check(deps.database.check()),
    check(deps.checkTemporal()),
    check(deps.rawStore.check(signal)),
  ]);
  return { postgres, temporal, rawStore };
}

function codeOf(error: unknown): string {
  return error instanceof EarshotError ? error.code : 'unavailable';
}
