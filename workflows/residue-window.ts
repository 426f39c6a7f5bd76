import { residue } from './proxies.ts';

/** Once a night: removes the bytes that erasures had to leave because a rewrite would have kept writers waiting. */
export async function residueWindow(): Promise<{ readonly certified: number }> {
  return { certified: await residue('rewrite postponed tables').rewritePostponed() };
}
