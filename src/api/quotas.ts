import { reportQuotaUse } from '../db/quotas.ts';
import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { EarshotError } from '../domain/errors.ts';
import type { QuotaName } from '../domain/quota.ts';
import type { IntakeClass } from '../domain/work-class.ts';
import { errorForLog, type Logger } from '../observe/log.ts';
import type { QuotaLimits } from '../tenant-quotas.ts';

const MINUTE_MS = 60_000;

export interface Consumption {
  readonly records: number;
  readonly bytes: number;
}

/** What one tenant has used of one quota in the current minute, as this process knows it. */
interface Use {
  minute: number;
  /** By all processes, this one's reports included. */
  known: number;
  /** By this one, since its last report. */
  unreported: number;
  reporting: boolean;
}

export interface QuotaDependencies {
  readonly database: Pick<Database, 'forTenant'>;
  readonly dials: Pick<DialReader, 'get'>;
  readonly limits: Pick<QuotaLimits, 'of'>;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * What tenants may hand over in a minute, shared by all API processes. A process counts by itself and tells the others
 * after each small share of a quota, beside the requests: no request waits for Postgres, and a lone one does not ask it.
 * The price: a quota may be exceeded by that share for each process.
 */
export class Quotas {
  readonly #deps: QuotaDependencies;
  readonly #uses = new Map<string, Use>();

  constructor(deps: QuotaDependencies) {
    this.#deps = deps;
  }

  /** @throws EarshotError `quota_exceeded` with the quota's name and when the next minute begins; nothing is used then. */
  take(tenant: string, intakeClass: IntakeClass, { records, bytes }: Consumption): void {
    const now = Date.now();
    const wanted = [
      { quota: `quota.${intakeClass}_records_per_minute`, amount: records },
      { quota: `quota.${intakeClass}_bytes_per_minute`, amount: bytes },
    ] as const;
    const taken = wanted
      .map(({ quota, amount }) => ({ quota, amount, limit: this.#deps.limits.of(tenant, quota) }))
      .filter(({ limit }) => limit > 0)
      .map((each) => ({ ...each, use: this.#useOf(tenant, each.quota, Math.floor(now / MINUTE_MS)) }));
    for (const { quota, amount, limit, use } of taken) {
      const used = use.known + use.unreported;
      // One record that is larger than the quota has a minute of its own.
      if (used > 0 && used + amount > limit) throw exceeded(quota, limit, MINUTE_MS - (now % MINUTE_MS));
    }
    for (const { quota, amount, limit, use } of taken) {
      use.unreported += amount;
      if (use.unreported >= limit * this.#deps.dials.get('quota.report_share')) void this.#report(tenant, quota, use);
    }
  }

  #useOf(tenant: string, quota: QuotaName, minute: number): Use {
    const key = `${tenant} ${quota}`;
    const use = this.#uses.get(key);
    if (use?.minute === minute) return use;
    const fresh = { minute, known: 0, unreported: 0, reporting: false };
    this.#uses.set(key, fresh);
    return fresh;
  }

  /** One report at a time. What it could not tell is told by the next one. */
  async #report(tenant: string, quota: QuotaName, use: Use): Promise<void> {
    if (use.reporting) return;
    use.reporting = true;
    const amount = use.unreported;
    try {
      const { app } = this.#deps.database.forTenant(tenant);
      const known = await reportQuotaUse(app, tenant, quota, use.minute, amount);
      use.known = known;
      use.unreported -= amount;
    } catch (error) {
      this.#deps.log.warn({ tenant, quota, ...errorForLog(error) }, 'use of a quota was not told to other processes');
    } finally {
      use.reporting = false;
    }
  }
}

function exceeded(quota: QuotaName, limit: number, retryAfterMs: number): EarshotError {
  const message = `this tenant has used up ${quota} (${limit}); the next minute begins soon`;
  return new EarshotError('quota_exceeded', message, { retryAfterMs, details: { quota, limit } });
}
