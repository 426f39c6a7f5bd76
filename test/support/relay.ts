import { connect, createServer, type AddressInfo } from 'node:net';

/** A fixed port before a server that comes back on another one. */
export interface Relay {
  readonly port: number;
  /** Where new connections go. */
  target: number;
  stop(): Promise<void>;
}

export async function startRelay(target: number): Promise<Relay> {
  const server = createServer((inside) => {
    const outside = connect(relay.target, '127.0.0.1');
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.pipe(outside).pipe(inside);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    target,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return relay;
}
