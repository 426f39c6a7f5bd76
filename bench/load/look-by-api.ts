import type { InteractionState, Modality } from '../../src/domain/interaction.ts';
import type { FoundRecord, Look } from './audit.ts';
import type { Channel } from './channel.ts';
import { erasedRecord } from './look-by-sql.ts';

/** Questions under way at a time: the auditor must not be a load of its own. */
const AT_ONCE = 8;
const NOT_FOUND = 404;

interface ToldRecord {
  readonly interactionId: string;
  readonly modality: Modality;
  readonly state: InteractionState;
  readonly stamps: Readonly<Record<string, string | null>>;
  readonly artifacts: readonly {
    readonly kind: string;
    readonly piece: number;
    readonly state: string;
    readonly chunks: number;
    readonly reachableChunks: number;
  }[];
}

/** Asks for each record by `GET /v1/interactions/{id}`, for an Earshot whose database is out of reach. */
export function lookByApi(channel: Channel): Look {
  return async (ids) => {
    const found: FoundRecord[] = [];
    const next = ids[Symbol.iterator]();
    const asking = async () => {
      for (const id of next) {
        const { status, body } = await channel.get(`/v1/interactions/${id}`);
        if (status === NOT_FOUND) continue;
        if (status !== 200) throw new Error(`GET /v1/interactions answered ${status}`);
        found.push(recordOf(body as unknown as ToldRecord));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, asking));
    return found;
  };
}

function recordOf({ interactionId, modality, state, stamps, artifacts }: ToldRecord): FoundRecord {
  if (state === 'erased') return erasedRecord(interactionId, modality, new Date(stamps['erasedAt']!));
  const at = (name: string) => (typeof stamps[name] === 'string' ? new Date(stamps[name]) : null);
  const shown = artifacts.filter((artifact) => artifact.state === 'active');
  const pieces = new Set(shown.map(({ kind, piece }) => `${kind} ${piece}`));
  const texts = shown.reduce((sum, { chunks }) => sum + chunks, 0);
  return {
    interactionId,
    modality,
    state,
    released: false,
    capturedAt: at('capturedAt')!,
    acceptedAt: at('acceptedAt')!,
    pickedUpAt: at('pickedUpAt'),
    transformedAt: at('transformedAt'),
    reachableAt: at('reachableAt'),
    texts,
    textsWithoutVector: texts - shown.reduce((sum, { reachableChunks }) => sum + reachableChunks, 0),
    doubled: shown.length - pieces.size,
  };
}
