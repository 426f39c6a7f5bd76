import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ChannelClient } from '../../../bench/peers/client.ts';
import { chatMessages } from '../../../bench/peers/messages.ts';
import { sendAll } from '../../../bench/peers/sending.ts';

it('sends each message until it is acknowledged, and notes it once', async () => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url!);
    const nth = requests.filter((url) => url === request.url).length;
    if (nth === 1) return void request.socket.destroy();
    request.resume();
    response.writeHead(nth === 2 ? 503 : 202).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void (server.close(), server.closeAllConnections()));
  const client = new ChannelClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key', 2);
  const noted: string[] = [];
  const messages = chatMessages('sent', 4, 4);
  const { answerMs, repeats } = await sendAll(client, messages, 2, ({ messageId }) => void noted.push(messageId));
  client.close();
  expect(noted.toSorted()).toEqual(messages.map(({ messageId }) => messageId));
  expect({ answers: answerMs.length, repeats, requests: requests.length }).toEqual({
    answers: 4,
    repeats: 8,
    requests: 12,
  });
});
