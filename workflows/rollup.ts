import type { RollupResult } from '../src/domain/activities.ts';
import { quality } from './proxies.ts';

/** Every minute: brings the counts by hour up to date and looks whether the checks hold back more than they used to. */
export async function rollup(): Promise<RollupResult> {
  return quality('count the hours that changed').rollUp();
}
