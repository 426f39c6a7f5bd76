import { z } from 'zod';
import { apiKeys } from './api-keys.ts';
import { EarshotError } from './domain/errors.ts';

const hex32 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits (32 bytes): `openssl rand -hex 32` makes one')
  .transform((hex) => Buffer.from(hex, 'hex'));

const url = (protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    message: `must be a URL of ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });

const flag = z.enum(['true', 'false', '1', '0', '']).transform((value) => value === 'true' || value === '1');

/** Steps of a queue that one process runs at a time. */
const places = z.coerce.number().int().min(1).max(1_000).default(4);

/** `*` allows all of them. */
const languages = z
  .string()
  .regex(/^(\*|[a-z]{2}(,[a-z]{2})*)$/, 'must be two-letter language codes (ISO 639-1) with commas between, or *')
  .transform((list): readonly string[] => (list === '*' ? [] : list.split(',')));

/** Every environment variable that Earshot reads. `docker-compose.yml` and the README are tested against its keys. */
export const SETTINGS = {
  TEMPORAL_ADDRESS: z.string().regex(/^[^\s:]+:\d+$/, 'must be host:port'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  TEMPORAL_TLS: flag.optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().min(1).optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().min(1).optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().min(1).optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  RAW_STORE_URL: url(['file:', 's3:']),
  S3_ENDPOINT: url(['http:', 'https:']).optional(),
  OPENAI_BASE_URL: url(['http:', 'https:']).optional(),
  OPENAI_API_KEY: z.string().min(1),
  EMBEDDING_MODEL: z.string().min(1),
  EMBEDDING_DIMENSIONS: z.coerce.number().int().min(2).max(4000),
  ASR_MODEL: z.string().min(1),
  VISION_MODEL: z.string().min(1),
  OPENLINEAGE_URL: url(['http:', 'https:', 'file:']).optional(),
  OPENLINEAGE_API_KEY: z.string().min(1).optional(),
  EARSHOT_API_KEYS: apiKeys,
  EARSHOT_MASTER_KEY: hex32,
  EARSHOT_CUSTOMER_SECRET: hex32,
  EARSHOT_CODE_VERSION: z.string().min(1).default('dev'),
  EARSHOT_AUDIO_STEPS: places,
  EARSHOT_VISION_STEPS: places,
  EARSHOT_LANGUAGES: languages.default(['en']),
  EARSHOT_PUBLIC_URL: url(['http:', 'https:']).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(8787),
} as const;

const schema = z.object(SETTINGS);
export type Config = z.output<typeof schema>;

/**
 * Reads all settings at once.
 *
 * @throws EarshotError `misconfigured` whose message has one line per wrong or missing variable.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = givenIn(env);
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return given[name] === undefined ? `${name} is not set` : `${name} ${issue.message}`;
  });
  throw new EarshotError('misconfigured', [...new Set(lines)].join('\n'));
}

/** An empty variable, as compose files leave them, means "not set". */
function givenIn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => name in SETTINGS && value !== ''));
}

/** Where this deployment's API answers: as set, or this process's own port. */
export function publicUrlOf({ EARSHOT_PUBLIC_URL, HOST, PORT }: Config): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
  return EARSHOT_PUBLIC_URL ?? `http://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
}

/** Reads the database's address alone, for the command that only migrates. @throws EarshotError `misconfigured`. */
export function readDatabaseUrl(env: NodeJS.ProcessEnv = process.env): string {
  const result = SETTINGS.DATABASE_URL.safeParse(env['DATABASE_URL']);
  if (result.success) return result.data;
  throw new EarshotError('misconfigured', 'DATABASE_URL is not set to a URL of postgres:// or postgresql://');
}

/** Reads how many steps one process takes at a time, for the command that only rehearses. @throws EarshotError `misconfigured`. */
export function readSteps(env: NodeJS.ProcessEnv = process.env): { audio: number; screenshot: number } {
  const { EARSHOT_AUDIO_STEPS, EARSHOT_VISION_STEPS } = SETTINGS;
  const steps = z.object({ EARSHOT_AUDIO_STEPS, EARSHOT_VISION_STEPS }).safeParse(givenIn(env));
  if (!steps.success)
    throw new EarshotError(
      'misconfigured',
      'EARSHOT_AUDIO_STEPS and EARSHOT_VISION_STEPS must be whole numbers from 1 to 1,000',
    );
  return { audio: steps.data.EARSHOT_AUDIO_STEPS, screenshot: steps.data.EARSHOT_VISION_STEPS };
}
