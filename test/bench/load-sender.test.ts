import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../bench/load/channel.ts';
import type { ScheduledArrival } from '../../bench/load/schedule.ts';
import { channelsOf, nothingSent, sendAll } from '../../bench/load/sender.ts';

type Reply = { readonly status: number; readonly code?: string; readonly retryAfter?: string } | 'reset';

let server: Server;
afterEach(() => void server.close());

const message = (number: number): ScheduledArrival => ({
  kind: 'message',
  name: `m-${number}`,
  customer: 0,
  conversation: 'c',
  sequence: number,
  dueMs: 0,
  capturedMs: 0,
  delivery: 'usual',
});

/** Sends messages to a server that gives each, told by its path, its replies in their order and then accepts it. */
async function send(replies: readonly (readonly Reply[])[], patienceMs: number, sockets: number = 4) {
  const left = replies.map((own) => [...own]);
  let open = 0;
  let mostOpen = 0;
  server = createServer((request, response) => {
    request.resume().once('end', () => {
      const number = Number(request.url!.slice(1));
      const reply = left[number]!.shift() ?? { status: 202 };
      if (reply === 'reset') return void response.destroy();
      const headers = reply.retryAfter === undefined ? {} : { 'retry-after': reply.retryAfter };
      const body = { interactionId: `id-${number}`, type: `urn:earshot:${reply.code}` };
      response.writeHead(reply.status, headers).end(JSON.stringify(body));
    });
  }).on('connection', (socket) => {
    mostOpen = Math.max(mostOpen, (open += 1));
    socket.once('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const channel = openChannel(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key', sockets);
  const sent = nothingSent();
  const noted: string[] = [];
  const delivered = await sendAll(
    replies.map((_, number) => message(number)),
    {
      startedAt: Date.now(),
      channels: channelsOf(channel, channel),
      witness: { note: ({ interactionId }) => void noted.push(interactionId), close: () => Promise.resolve() },
      patienceMs,
      stop: new AbortController().signal,
      request: ({ name }) => Promise.resolve({ path: `/${name.slice(2)}`, contentType: 'text/plain', body: [] }),
    },
    sent,
  );
  channel.close();
  return { sent, noted, mostOpen, ids: delivered.map(({ interactionId }) => interactionId) };
}

describe('a sender', () => {
  it('comes back when it was refused or not answered, and counts each refusal by its class', async () => {
    const busy = { status: 429, code: 'overloaded', retryAfter: '0' };
    const away = { status: 503, code: 'database_unavailable', retryAfter: '0' };
    const { sent, ids, noted } = await send([[busy, away, busy], ['reset'], []], 60_000);
    expect(ids).toEqual(['id-0', 'id-1', 'id-2']);
    expect(noted.toSorted()).toEqual(ids);
    expect(Object.fromEntries(sent.refused)).toEqual({ 'message overloaded': 2, 'message database_unavailable': 1 });
    expect(sent).toMatchObject({ due: 3, accepted: 3, broken: 1, inFlight: 0, givenUp: 0 });
  });

  it('gives up what would have to wait for longer than its patience, and never repeats what is wrong', async () => {
    const later = { status: 429, code: 'overloaded', retryAfter: '60' };
    const { sent, ids } = await send([[later], [{ status: 400, code: 'invalid_request' }], []], 1_000);
    expect(ids).toEqual(['id-2']);
    expect(sent).toMatchObject({ due: 3, accepted: 1, givenUp: 1 });
    expect(Object.fromEntries(sent.rejected)).toEqual({ 'message 400 invalid_request': 1 });
  });

  it('opens no more sockets than it may', async () => {
    const { sent, mostOpen } = await send(
      Array.from({ length: 60 }, () => []),
      1_000,
      3,
    );
    expect(sent.accepted).toBe(60);
    expect(mostOpen).toBe(3);
  });
});
