import type { Server } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import { z } from 'zod';
import type { ChatMessage } from '../messages.ts';
import { readSettings, type Settings } from './settings.ts';
import { openSteps, type Steps } from './steps.ts';

/** An engine that makes messages reachable. */
export interface Engine {
  /** Resolves when the message cannot be lost any more. */
  accept(message: ChatMessage): Promise<unknown>;
  stop(): Promise<unknown>;
}

const body = z.strictObject({
  messageId: z.string().min(1),
  customerId: z.string().min(1),
  sentAt: z.iso.datetime(),
  author: z.literal('customer'),
  text: z.string().min(1),
});

/** Serves an engine by Earshot's own route for chat messages, until SIGTERM: API and workers in one process. */
export async function serve(open: (settings: Settings, steps: Steps) => Promise<Engine>): Promise<void> {
  const settings = readSettings();
  const steps = openSteps(settings);
  const engine = await open(settings, steps);
  const server = await listen(settings, (message) =>
    engine.accept(message).then(() => ({ interactionId: steps.idOf(message) })),
  );
  process.once('SIGTERM', () => {
    server.closeIdleConnections();
    server.close(() => {
      void engine
        .stop()
        .then(() => steps.close())
        .finally(() => process.exit(0));
    });
  });
}

async function listen(settings: Settings, accept: (message: ChatMessage) => Promise<object>): Promise<Server> {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.get('/readyz', (_request, response) => void response.json({ ready: true }));
  app.post('/v1/chats/:conversationId/messages', express.json(), async (request, response) => {
    if (request.headers.authorization !== `Bearer ${settings.EARSHOT_API_KEYS}`) {
      response.status(401).end();
      return;
    }
    const message = { conversationId: request.params.conversationId, ...body.parse(request.body) };
    response.status(202).json(await accept(message));
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    console.error(error instanceof Error ? error.stack : error);
    response.status(error instanceof z.ZodError ? 400 : 500).end();
  });
  return new Promise((resolve) => {
    const server = app.listen(settings.PORT, '127.0.0.1', () => resolve(server));
    server.keepAliveTimeout = 65_000;
  });
}
