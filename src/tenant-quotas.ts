import type { Database } from './db/pools.ts';
import { listTenantQuotas } from './db/tenant-quotas.ts';
import type { DialReader } from './dial-reader.ts';
import { DIALS } from './domain/dials.ts';
import { isQuota, type QuotaName } from './domain/quota.ts';
import { keepFresh, type KeptFresh } from './keep-fresh.ts';

/** How old a quota may be: a change is in force everywhere after this. */
const REFRESH_MS = 2_000;

/** What each tenant may hand over in a minute. */
export interface QuotaLimits {
  /** 0 is no limit. */
  of(tenant: string, quota: QuotaName): number;
}

/** Reads quotas of single tenants from memory, refreshed in the background; where a tenant has none, the dial holds. */
export class TenantQuotas implements QuotaLimits {
  readonly #database: Pick<Database, 'deployment'>;
  readonly #dials: Pick<DialReader, 'get'>;
  #values: ReadonlyMap<string, number> = new Map();
  #kept: KeptFresh | undefined;

  private constructor(database: Pick<Database, 'deployment'>, dials: Pick<DialReader, 'get'>) {
    this.#database = database;
    this.#dials = dials;
  }

  static async open(database: Pick<Database, 'deployment'>, dials: Pick<DialReader, 'get'>): Promise<TenantQuotas> {
    const quotas = new TenantQuotas(database, dials);
    quotas.#kept = await keepFresh(() => quotas.#read(), REFRESH_MS);
    return quotas;
  }

  of(tenant: string, quota: QuotaName): number {
    return this.#values.get(`${tenant} ${quota}`) ?? this.#dials.get(quota);
  }

  async refresh(): Promise<void> {
    await this.#kept?.refresh();
  }

  close(): void {
    this.#kept?.close();
  }

  /** As with dials, a value that another version of the code allowed and this one does not is ignored. */
  async #read(): Promise<void> {
    const rows = await listTenantQuotas(this.#database.deployment);
    const valid = rows.filter(
      ({ name, value }) => isQuota(name) && value >= DIALS[name].min && value <= DIALS[name].max,
    );
    this.#values = new Map(valid.map(({ tenant, name, value }) => [`${tenant} ${name}`, value]));
  }
}
