import type { IncomingMessage } from 'node:http';
import busboy from 'busboy';
import { Refusal } from './refusal.ts';

/** The parts of OpenAI's requests that the stub looks at. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly input?: string | readonly string[];
  readonly encoding_format?: 'float' | 'base64';
  readonly dimensions?: number;
}

export interface PictureRequest {
  readonly model: string;
  readonly messages?: readonly {
    readonly content?: string | readonly { readonly image_url?: { readonly url: string } }[];
  }[];
  readonly response_format?: { readonly json_schema?: { readonly name: string } };
}

/** @throws Refusal when the body is no JSON. */
export async function readJson<T>(request: IncomingMessage): Promise<T> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as T;
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
}

export interface Form {
  readonly file: Buffer | undefined;
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

/** @throws Refusal when the body is no form. */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const fields = new Map<string, string[]>();
  const parts: Buffer[] = [];
  let hasFile = false;
  try {
    const parser = busboy({ headers: request.headers });
    await new Promise<void>((resolve, reject) => {
      parser.on('field', (name, value) => fields.set(name, [...(fields.get(name) ?? []), value]));
      parser.on('file', (_name, stream) => {
        hasFile = true;
        stream.on('data', (part: Buffer) => parts.push(part));
      });
      parser.once('close', resolve).once('error', reject);
      request.pipe(parser);
    });
  } catch {
    throw new Refusal(400, 'the body is no multipart form');
  }
  return { file: hasFile ? Buffer.concat(parts) : undefined, fields };
}
