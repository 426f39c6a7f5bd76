import type { Client } from '@temporalio/client';
import type { CanaryKeys } from '../canary/canary-key.ts';
import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import type { ExpectationSource } from '../expectations.ts';
import type { KeyedIds } from '../domain/ids.ts';
import type { CertificateSigner } from '../erasure/certificate.ts';
import type { EmbeddingModels, Recognisers, SpeechModel, VisionModel } from '../models/ports.ts';
import type { IndexVersions } from '../index-version-reader.ts';
import type { Lineage } from '../lineage/emitter.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PressureSource } from '../pressure-reader.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import type { RawStore } from '../raw-store/raw-store.ts';
import type { SourceStates } from '../sources/source-states.ts';
import type { HistoryBell } from '../temporal/history-bell.ts';
import type { TenantQuotas } from '../tenant-quotas.ts';
import type { Ring } from '../temporal/ring.ts';
import type { DrainReader } from './drain-reader.ts';
import type { Quotas } from './quotas.ts';
import type { CommonWords } from '../retrieval/common-words.ts';
import type { Bells } from './bells.ts';
import type { UploadBudget } from './upload-budget.ts';

/** What routes may use. */
export interface ApiDependencies {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly rawStore: RawStore;
  readonly dials: DialReader;
  readonly pressure: PressureSource;
  /** How long records take now. */
  readonly expectations: ExpectationSource;
  readonly embeddings: EmbeddingModels;
  readonly speech: SpeechModel;
  readonly vision: VisionModel;
  readonly recognisers: Recognisers;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly ids: KeyedIds;
  readonly ring: Ring;
  readonly bells: Bells;
  readonly historyBell: HistoryBell;
  readonly uploads: UploadBudget;
  readonly quotas: Quotas;
  readonly limits: TenantQuotas;
  readonly drain: DrainReader;
  readonly indexVersions: IndexVersions;
  readonly commonWords: CommonWords;
  readonly codeVersion: string;
  readonly lineage: Lineage;
  readonly temporal: Client;
  readonly canaryKeys: CanaryKeys;
  readonly sourceStates: SourceStates;
  /** SPKI in PEM of the key that signs certificates of erasure. */
  readonly certificates: CertificateSigner;
  /** Answers when Temporal does. */
  checkTemporal(): Promise<void>;
}
