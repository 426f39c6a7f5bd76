import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { writeServiceMinutes, type ServiceMinute } from '../db/service-minutes.ts';
import { eachTenant } from '../each-tenant.ts';
import { bucketOf, type ServiceKind } from '../domain/service.ts';
import { errorForLog } from '../observe/log.ts';
import type { ApiDependencies } from './dependencies.ts';
import type { Caller, RouteSpec } from './route.ts';

const MINUTE_MS = 60_000;

interface Counted {
  readonly tenant: string;
  readonly minute: number;
  readonly kind: ServiceKind | 'alive';
  requests: number;
  failed: number;
  readonly took: Map<number, number>;
}

type Deps = Pick<ApiDependencies, 'database' | 'dials' | 'log'>;

/** Counts how this process answers, by minute, and writes it down every few seconds, so that it outlives the process. */
export class ServiceRecord {
  readonly #deps: Deps;
  readonly #processId = randomUUID();
  readonly #counts = new Map<string, Counted>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#next();
  }

  /** Counts a request of a route once it is answered. Canaries, and callers who went away, are left out. */
  observe(spec: RouteSpec): RequestHandler {
    const kind = kindOf(spec);
    return (_request, response, next) => {
      const started = performance.now();
      response.once('finish', () => {
        const { tenant, canary } = (response.locals as { caller: Caller }).caller;
        if (canary) return;
        const tookMs = lasts(response) ? undefined : performance.now() - started;
        this.#count(tenant, kind, response.statusCode >= 500, tookMs);
      });
      next();
    };
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#write();
  }

  #count(tenant: string, kind: ServiceKind, failed: boolean, tookMs: number | undefined): void {
    const counted = this.#of(tenant, kind);
    counted.requests += 1;
    if (failed) counted.failed += 1;
    if (tookMs === undefined) return;
    const bucket = bucketOf(tookMs);
    counted.took.set(bucket, (counted.took.get(bucket) ?? 0) + 1);
  }

  #of(tenant: string, kind: ServiceKind | 'alive'): Counted {
    const minute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const name = `${tenant}/${minute}/${kind}`;
    const known = this.#counts.get(name) ?? { tenant, minute, kind, requests: 0, failed: 0, took: new Map() };
    this.#counts.set(name, known);
    return known;
  }

  #next(): void {
    if (this.#stopped) return;
    const round = () => {
      this.#writing = this.#write().finally(() => this.#next());
    };
    this.#timer = setTimeout(round, this.#deps.dials.get('sla.flush_ms'));
    this.#timer.unref();
  }

  /** Writes all that is not written for good. What cannot be written now is written with the next. */
  async #write(): Promise<void> {
    const { database, dials, log } = this.#deps;
    try {
      await eachTenant({ database, log }, 'counts of requests were not written', async (tenant) => {
        this.#of(tenant, 'alive');
        const counted = [...this.#counts.values()].filter((each) => each.tenant === tenant);
        const { app } = database.forTenant(tenant);
        const over = Date.now() - MINUTE_MS;
        await writeServiceMinutes(app, tenant, this.#processId, counted.map(minuteOf), dials.get('sla.keep_days'));
        for (const each of counted) {
          if (each.minute < over) this.#counts.delete(`${tenant}/${each.minute}/${each.kind}`);
        }
      });
    } catch (error) {
      log.warn(errorForLog(error), 'counts of requests were not written');
    }
  }
}

function minuteOf({ minute, kind, requests, failed, took }: Counted): ServiceMinute {
  return { minute: new Date(minute), kind, requests, failed, took };
}

/** Events go on for as long as there is something to tell: that time says nothing of the service. */
function lasts(response: Response): boolean {
  return String(response.getHeader('content-type')).startsWith('text/event-stream');
}

function kindOf({ path, scope }: RouteSpec): ServiceKind {
  if (path.startsWith('/v1/retrieve')) return 'retrieval';
  return scope === 'channel' ? 'acceptance' : 'other';
}
