import { reindexing as steps } from './proxies.ts';

/** Every minute: builds HNSW indexes for vectors that came since the last ones. Answers how many. */
export async function sealIndex(): Promise<number> {
  return steps('build indexes for what is fresh').sealFresh();
}
