import { serve } from './service.ts';

// No engine: all steps within the request, which answers when the rows are committed. Nothing is retried but by the
// client, who waits. The limit of what this machine can do one message at a time.

await serve((_settings, steps) =>
  Promise.resolve({
    accept: async (message) => steps.upsert(await steps.embed(steps.redact(message))),
    stop: () => Promise.resolve(),
  }),
);
