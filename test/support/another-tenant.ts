import type { AddressInfo } from 'node:net';
import { Client } from '@temporalio/client';
import { ServiceRecord } from '../../src/api/service-record.ts';
import { createApp } from '../../src/api/server.ts';
import { readConfig } from '../../src/config.ts';
import { connectTemporal } from '../../src/temporal/connection.ts';
import { ringVia } from '../../src/temporal/ring.ts';
import { openDependencies } from '../../workers/dependencies.ts';
import { apiDependencies } from '../../workers/run.ts';
import type { TestEarshot } from './earshot.ts';

export interface AnotherTenant {
  /** Of a process of the API, for this tenant alone. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A second tenant of a running Earshot. */
export async function anotherTenant(earshot: TestEarshot, tenant: string): Promise<AnotherTenant> {
  await earshot.database.query('insert into tenant (tenant) values ($1)', [tenant]);
  const config = { ...readConfig({ ...earshot.env }), LOG_LEVEL: 'silent' as const };
  const connection = await connectTemporal(config);
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const deps = await openDependencies(config, client);
  const api = apiDependencies(config, deps, ringVia(client), connection);
  const authenticate = () => ({ tenant, keyName: tenant, canary: false });
  const record = new ServiceRecord(api);
  const server = createApp(api, authenticate, new AbortController().signal, record).listen(0);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await record.stop();
      await api.historyBell.close();
      await deps.close();
      await connection.close();
    },
  };
}
