import { superseded } from './proxies.ts';

/** Once a night: drops what replays have replaced, when its time is over. */
export async function dropSuperseded(): Promise<{ readonly dropped: number }> {
  return { dropped: await superseded('drop what was replaced').dropSuperseded() };
}
