import type { ErrorCode } from '../domain/errors.ts';

/** Raised when a reader of earlier archives would misread one. */
const FORMAT_VERSION = 1;

/** What each file of an archive holds, by what is counted in it. */
const KINDS = {
  interactions: {
    file: 'interactions.jsonl',
    holds: 'One record a line: what the channel sent, its stamps, and what models made of it, redacted.',
  },
  chunks: { file: 'chunks.jsonl', holds: 'One searchable passage a line, and the index versions with its vector.' },
  retrievals: { file: 'retrievals.jsonl', holds: 'One question about the customer a line, and what it got back.' },
  lineage: { file: 'lineage.jsonl', holds: 'One step a line: what was made of what, when, by which model and code.' },
  views: {
    file: 'views.jsonl',
    holds: 'One look a line at a recording, a picture or an unredacted text: by whom, and why.',
  },
  decisions: { file: 'decisions.jsonl', holds: 'One decision a line about what a check had held back.' },
  redacted: {
    file: 'redacted.jsonl',
    holds:
      'One redacted copy of a recording or picture a line: what it hides and where, and since when it is replaced.',
  },
  exposures: { file: 'exposures.jsonl', holds: 'One answer a line that showed what is hidden now, by type.' },
  raw: { file: 'raw/<interactionId>.<extension>', holds: 'A recording or picture as the channel sent it.' },
  recognised: { file: 'recognised/<artifactId>.json', holds: 'The answer of a model before redaction.' },
} as const;

export type ExportedKind = keyof typeof KINDS;

/** Something that is held, but could not be read. */
export interface ExportProblem {
  /** The file of the archive that lacks it. */
  readonly file: string;
  readonly interactionId?: string;
  readonly retrievalId?: string;
  readonly viewId?: string;
  readonly code: ErrorCode;
}

/** Keeps count of what goes into an archive, for its last file. */
export class Manifest {
  readonly #customerId: string;
  readonly #generatedAt = new Date();
  readonly #counts = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0])) as Record<ExportedKind, number>;
  readonly #problems: ExportProblem[] = [];

  constructor(customerId: string) {
    this.#customerId = customerId;
  }

  count(kind: ExportedKind): void {
    this.#counts[kind] += 1;
  }

  report(problem: ExportProblem): void {
    this.#problems.push(problem);
  }

  toString(): string {
    const manifest = {
      formatVersion: FORMAT_VERSION,
      customerId: this.#customerId,
      generatedAt: this.#generatedAt,
      counts: this.#counts,
      files: Object.values(KINDS),
      problems: this.#problems,
    };
    return `${JSON.stringify(manifest, null, 2)}\n`;
  }
}
