import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `refused`: the collector will never take it. `later`: it cannot now. */
export type Delivery = 'sent' | 'refused' | 'later';

/** Where events go. */
export type Transport = (event: object) => Promise<Delivery>;

const TIMEOUT_MS = 5_000;

/** Statuses that say that this very event is at fault; all others may pass. */
const REFUSED = new Set([400, 413, 422]);

/**
 * A collector by the setting OPENLINEAGE_URL: `http(s)://…` is one that takes `POST /api/v1/lineage`, as Marquez and
 * others do; `file:///…` a file that gets one event a line.
 */
export function openTransport(url: string, apiKey: string | undefined): Transport {
  if (url.startsWith('file:')) return toFile(fileURLToPath(url));
  const endpoint = `${url.replace(/\/+$/, '')}/api/v1/lineage`;
  const headers = {
    'content-type': 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return async (event) => {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(event), signal });
      await response.arrayBuffer();
      if (response.ok) return 'sent';
      return REFUSED.has(response.status) ? 'refused' : 'later';
    } catch {
      return 'later';
    }
  };
}

function toFile(path: string): Transport {
  return async (event) => {
    try {
      await mkdir(dirname(path), { recursive: true });
      await appendFile(path, `${JSON.stringify(event)}\n`);
      return 'sent';
    } catch {
      return 'later';
    }
  };
}
