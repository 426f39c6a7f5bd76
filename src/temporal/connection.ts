import { readFile } from 'node:fs/promises';
import type { TLSConfig } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Config } from '../config.ts';
import { EarshotError } from '../domain/errors.ts';

/**
 * One connection for client and workers of a process, so that a workflow's first task can come with the answer to its
 * start. Compression is off, which is not the default: payloads are ids of some 200 bytes.
 *
 * @throws EarshotError `misconfigured` when the server cannot be reached.
 */
export async function connectTemporal(config: Config): Promise<NativeConnection> {
  try {
    const tls = await tlsConfig(config);
    return await NativeConnection.connect({
      address: config.TEMPORAL_ADDRESS,
      grpcCompression: { codec: 'none' },
      ...(tls === undefined ? {} : { tls }),
      ...(config.TEMPORAL_API_KEY === undefined ? {} : { apiKey: config.TEMPORAL_API_KEY }),
    });
  } catch (error) {
    throw new EarshotError('misconfigured', `TEMPORAL_ADDRESS ${config.TEMPORAL_ADDRESS} does not answer`, {
      cause: error,
    });
  }
}

/** TLS is on when asked for, or when an API key or a client certificate needs it. */
async function tlsConfig(config: Config): Promise<TLSConfig | true | undefined> {
  const certificate = config.TEMPORAL_TLS_CLIENT_CERT_PATH;
  const key = config.TEMPORAL_TLS_CLIENT_KEY_PATH;
  const authority = config.TEMPORAL_TLS_SERVER_CA_CERT_PATH;
  if (certificate === undefined && authority === undefined) {
    return config.TEMPORAL_TLS === true || config.TEMPORAL_API_KEY !== undefined ? true : undefined;
  }
  return {
    ...(authority === undefined ? {} : { serverRootCACertificate: await readFile(authority) }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { clientCertPair: { crt: await readFile(certificate), key: await readFile(key) } }),
  };
}
