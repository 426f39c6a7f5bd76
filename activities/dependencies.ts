import type { Client } from '@temporalio/client';
import type { CanaryAccess } from '../src/canary/canary-client.ts';
import type { Brake } from '../src/brake.ts';
import type { WithOwner } from '../src/db/owner.ts';
import type { Database } from '../src/db/pools.ts';
import type { DialReader } from '../src/dial-reader.ts';
import type { CertificateSigner } from '../src/erasure/certificate.ts';
import type { Turns } from '../src/models/embedding-in-turns.ts';
import type { EmbeddingModels, Recognisers, SpeechModel, VisionModel } from '../src/models/ports.ts';
import type { IndexVersions } from '../src/index-version-reader.ts';
import type { JoinedWrites } from '../src/joined-writes.ts';
import type { Lineage } from '../src/lineage/emitter.ts';
import type { Logger } from '../src/observe/log.ts';
import type { Metrics } from '../src/observe/metrics.ts';
import type { OpenedRecordings } from '../src/opened-recordings.ts';
import type { PressureSource } from '../src/pressure-reader.ts';
import type { KeyRing } from '../src/raw-store/key-ring.ts';
import type { RawStore } from '../src/raw-store/raw-store.ts';
import type { SourceStates } from '../src/sources/source-states.ts';

/** The outside worlds that activities reach; wired in workers/. */
export interface ActivityDependencies {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly rawStore: RawStore;
  readonly recordings: OpenedRecordings;
  readonly dials: DialReader;
  readonly pressure: PressureSource;
  readonly speech: SpeechModel;
  readonly vision: VisionModel;
  readonly recognisers: Recognisers;
  readonly embeddings: EmbeddingModels;
  /** The same for records that come in, whose requests are joined. */
  readonly liveEmbeddings: EmbeddingModels;
  /** The statements on a record's way to its vector, joined too. */
  readonly writes: JoinedWrites;
  /** The same of history, beside them: a live record's statement does not wait for a large one of these. */
  readonly historyWrites: JoinedWrites;
  /** In which work that nobody waits for asks the embedding model. */
  readonly backgroundTurns: Turns;
  /** Which stops such work under pressure. */
  readonly brake: Brake;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly indexVersions: IndexVersions;
  readonly codeVersion: string;
  /** Spoken here: transcripts in others are held back. ISO 639-1. */
  readonly languages: readonly string[];
  readonly lineage: Lineage;
  readonly temporal: Client;
  /** Maintenance with the rights of the schema's owner. */
  readonly withOwner: WithOwner;
  readonly certificates: CertificateSigner;
  /** Where Earshot's own public API answers, for canaries. */
  readonly canaries: CanaryAccess;
  /** Aborted when this process begins to stop, long before its steps are cancelled. */
  readonly draining: AbortSignal;
  /** How the sources of models stand. */
  readonly sourceStates: SourceStates;
}
