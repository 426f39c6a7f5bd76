import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: z.string().min(1),
  OPENAI_BASE_URL: z.string().min(1),
  OPENAI_API_KEY: z.string().min(1),
  EMBEDDING_MODEL: z.string().min(1),
  EMBEDDING_DIMENSIONS: z.coerce.number().int(),
  EARSHOT_API_KEYS: z.string().transform((keys) => keys.slice(0, keys.lastIndexOf(':'))),
  EARSHOT_CUSTOMER_SECRET: z.string().transform((hex) => Buffer.from(hex, 'hex')),
  PORT: z.coerce.number().int(),
});

/** What an engine reads of the settings that Earshot is given. */
export type Settings = z.output<typeof schema>;

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return schema.parse(env);
}
