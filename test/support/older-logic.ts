import { randomUUID } from 'node:crypto';
import type { TestEarshot } from './earshot.ts';
import { fakeVector } from './fake-models.ts';

export interface OlderLogic {
  readonly interactionId: string;
  readonly kind: string;
  /** Columns of the artifact as older logic would have written them. */
  readonly artifact: Record<string, unknown>;
  readonly chunk?: Record<string, unknown>;
  /** A part of the text, and what stood in its place. */
  readonly text?: readonly [now: string, then: string];
}

/** Leaves an artifact as older logic would have left it: under ids of its own, with its own text and vectors. */
export async function asOlderLogic(earshot: TestEarshot, older: OlderLogic): Promise<void> {
  const { interactionId, kind, text = ['', ''] } = older;
  const then = (value: string) => (text[0] === '' ? value : value.replaceAll(...text));
  const artifacts = await rowsOf(earshot, 'artifact', `interaction_id = $1 and kind = $2 and state = 'active'`, [
    interactionId,
    kind,
  ]);
  for (const artifact of artifacts) {
    const artifactId = randomUUID();
    const content = JSON.parse(then(JSON.stringify(artifact['content']))) as unknown;
    await insert(earshot, 'artifact', { ...artifact, content, ...older.artifact, artifact_id: artifactId });
    for (const chunk of await rowsOf(earshot, 'chunk', 'artifact_id = $1', [artifact['artifact_id']])) {
      const chunkId = randomUUID();
      const said = then(String(chunk['text']));
      const ids = { chunk_id: chunkId, artifact_id: artifactId };
      await insert(earshot, 'chunk', { ...chunk, text: said, ...older.chunk, ...ids });
      for (const vector of await rowsOf(earshot, 'embedding', 'chunk_id = $1', [chunk['chunk_id']])) {
        const embedding = `[${fakeVector(said).join(',')}]`;
        await insert(earshot, 'embedding', { ...vector, embedding, chunk_id: chunkId });
      }
      await earshot.database.query('update retrieval_hit set chunk_id = $1 where chunk_id = $2', [
        chunkId,
        chunk['chunk_id'],
      ]);
    }
    await earshot.database.query('delete from lineage_edge where to_id = $1 or from_id = $1', [
      artifact['artifact_id'],
    ]);
    await earshot.database.query('delete from artifact where artifact_id = $1', [artifact['artifact_id']]);
  }
}

async function rowsOf(earshot: TestEarshot, table: string, where: string, values: unknown[]) {
  const text = `select to_jsonb(t) - 'words' as row from ${table} t where ${where}`;
  return (await earshot.database.query<{ row: Record<string, unknown> }>(text, values)).map(({ row }) => row);
}

async function insert(earshot: TestEarshot, table: string, row: Record<string, unknown>): Promise<void> {
  const columns = Object.keys(row).join(', ');
  await earshot.database.query(
    `insert into ${table} (${columns}) select ${columns} from jsonb_populate_record(null::${table}, $1::jsonb)`,
    [JSON.stringify(row)],
  );
}
