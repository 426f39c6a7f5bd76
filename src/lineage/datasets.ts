/** What steps read and write, as OpenLineage names it: tables and the raw store, never one record. */
export type DatasetKey =
  'raw' | 'interaction' | 'artifact' | 'chunk' | 'embedding' | 'redacted_media' | 'rollup_hour' | 'rollup_correction';

export interface DatasetName {
  readonly namespace: string;
  readonly name: string;
}

/** Fields of each dataset and their types, as the catalogue tells them; of a raw object its bytes. */
export const DATASET_FIELDS: Readonly<Record<DatasetKey, Readonly<Record<string, string>>>> = {
  raw: { bytes: 'bytea' },
  interaction: {
    interaction_id: 'uuid',
    session_id: 'uuid',
    channel: 'text',
    modality: 'text',
    captured_at: 'timestamp with time zone',
    sealed_payload: 'bytea',
    raw_object: 'text',
    code_version: 'text',
  },
  artifact: {
    artifact_id: 'uuid',
    interaction_id: 'uuid',
    kind: 'text',
    state: 'text',
    content: 'jsonb',
    confidence: 'real',
    model: 'text',
    model_version: 'text',
    redactor_version: 'text',
    code_version: 'text',
  },
  chunk: {
    chunk_id: 'uuid',
    artifact_id: 'uuid',
    text: 'text',
    place: 'jsonb',
    confidence: 'real',
    event_time: 'timestamp with time zone',
    chunker_version: 'text',
  },
  embedding: { index_version: 'integer', chunk_id: 'uuid', embedding: 'USER-DEFINED', model_version: 'text' },
  redacted_media: {
    media_id: 'uuid',
    interaction_id: 'uuid',
    kind: 'text',
    state: 'text',
    hidden: 'jsonb',
    sealed_object: 'text',
    redactor_version: 'text',
    code_version: 'text',
  },
  rollup_hour: {
    modality: 'text',
    hour: 'timestamp with time zone',
    counts: 'jsonb',
    revision: 'integer',
    closed_at: 'timestamp with time zone',
  },
  rollup_correction: {
    modality: 'text',
    hour: 'timestamp with time zone',
    correction: 'integer',
    delta: 'jsonb',
    why: 'text',
  },
};

/** What counts are counted from. */
const countedAs = (field: string): readonly FieldOrigin[] => [
  { field, from: { dataset: 'interaction', field: 'captured_at' }, description: 'count', masking: false },
  { field, from: { dataset: 'artifact', field: 'state' }, description: 'count', masking: false },
];

/** One field that is made of others. */
export interface FieldOrigin {
  readonly field: string;
  readonly from: { readonly dataset: DatasetKey; readonly field: string };
  readonly description: string;
  /** Whether personal data are taken out on the way. */
  readonly masking: boolean;
}

/** What each field that holds what was said is made of. */
export const FIELD_ORIGINS: Readonly<Partial<Record<DatasetKey, readonly FieldOrigin[]>>> = {
  artifact: [
    { field: 'content', from: { dataset: 'raw', field: 'bytes' }, description: 'recognise, redact', masking: true },
    {
      field: 'content',
      from: { dataset: 'interaction', field: 'sealed_payload' },
      description: 'open, redact',
      masking: true,
    },
  ],
  chunk: [{ field: 'text', from: { dataset: 'artifact', field: 'content' }, description: 'chunk', masking: false }],
  embedding: [{ field: 'embedding', from: { dataset: 'chunk', field: 'text' }, description: 'embed', masking: false }],
  redacted_media: [
    { field: 'sealed_object', from: { dataset: 'raw', field: 'bytes' }, description: 'silence, mask', masking: true },
    { field: 'hidden', from: { dataset: 'artifact', field: 'content' }, description: 'locate', masking: false },
  ],
  rollup_hour: countedAs('counts'),
  rollup_correction: countedAs('delta'),
};

/**
 * Names by OpenLineage's naming rules. Addresses are told without user, password or parameters.
 *
 * @param databaseUrl the setting DATABASE_URL
 * @param rawStoreUrl the setting RAW_STORE_URL
 */
export function datasetNames(databaseUrl: string, rawStoreUrl: string): (table: string) => DatasetName {
  const database = new URL(databaseUrl);
  const raw = new URL(rawStoreUrl);
  const schema = `${decodeURIComponent(database.pathname.slice(1))}.public`;
  return (table) => {
    if (table !== 'raw') {
      return {
        namespace: `postgres://${database.hostname}:${database.port || '5432'}`,
        name: `${schema}.${table}`,
      };
    }
    if (raw.protocol === 'file:') return { namespace: 'file', name: decodeURIComponent(raw.pathname) };
    return { namespace: `s3://${raw.hostname}`, name: raw.pathname.replace(/^\/|\/$/g, '') || '/' };
  };
}
