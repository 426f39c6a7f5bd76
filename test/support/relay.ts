import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A fixed port before a server that comes back on another one. */
export interface Relay {
  readonly port: number;
  /** Where new connections go. */
  target: number;
  /** Ends the connections that are open, as a server that dies does. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startRelay(target: number): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer((inside) => {
    open.add(inside);
    inside.once('close', () => open.delete(inside));
    const outside = connect(relay.target, '127.0.0.1');
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.pipe(outside).pipe(inside);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    target,
    cut: () => open.forEach((inside) => inside.destroy()),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return relay;
}
