import { AsyncLocalStorage } from 'node:async_hooks';

/** How work that nobody waits for asks models. */
export interface Standing {
  /** Behind all live requests where slots are scarce. */
  readonly behindLive: boolean;
  /** Waits while a source is paused, for it has no row that could wait in its stead. */
  readonly waitsOutPauses: boolean;
  /** Whose work it is; tenants take turns. Absent for what is of no one tenant. */
  readonly tenant?: string;
}

const LIVE: Standing = { behindLive: false, waitsOutPauses: false };

const current = new AsyncLocalStorage<Standing>();

/** Runs work whose requests to models, however deep, have this standing. */
export function withStanding<T>(standing: Standing, work: () => Promise<T>): Promise<T> {
  return current.run(standing, work);
}

export function standing(): Standing {
  return current.getStore() ?? LIVE;
}
