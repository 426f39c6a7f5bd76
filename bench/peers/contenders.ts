import type { DialName } from '../../src/domain/dials.ts';

/** Something that takes chat messages over HTTP and makes them reachable, in one process of API and workers. */
export interface Contender {
  readonly name: string;
  readonly title: string;
  /** What the process runs, under the project. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Whether it needs a Temporal server, which then is its own and counted with it. */
  readonly temporal: boolean;
  /** Earshot's own tables, or their copies. */
  readonly tables: 'earshot' | 'copies';
  /** Of Earshot, dials that stand elsewhere than they come: what a decision gives shows when it is turned off. */
  readonly dials?: Readonly<Partial<Record<DialName, number>>>;
}

const ENGINES = 'bench/peers/engines';
const EARSHOT = { entry: 'workers/all.ts', temporal: true, tables: 'earshot' } as const;

/** All that are measured unless it is said which, in the order of the first round. */
export const CONTENDERS: readonly Contender[] = [
  { name: 'earshot', title: 'Earshot', ...EARSHOT },
  { name: 'dbos', title: 'DBOS, in process', entry: `${ENGINES}/dbos.ts`, temporal: false, tables: 'copies' },
  {
    name: 'dbos-queue',
    title: 'DBOS, queue',
    entry: `${ENGINES}/dbos.ts`,
    args: ['queue'],
    temporal: false,
    tables: 'copies',
  },
  {
    name: 'dbos-fused',
    title: 'DBOS, one step',
    entry: `${ENGINES}/dbos.ts`,
    args: ['fused'],
    temporal: false,
    tables: 'copies',
  },
  { name: 'pg-boss', title: 'pg-boss', entry: `${ENGINES}/pg-boss.ts`, temporal: false, tables: 'copies' },
  { name: 'graphile', title: 'Graphile Worker', entry: `${ENGINES}/graphile.ts`, temporal: false, tables: 'copies' },
  { name: 'none', title: 'no engine', entry: 'bench/peers/service/none.ts', temporal: false, tables: 'copies' },
];

/** Earshot without something that it does, measured when it is asked for by name. */
export const VARIANTS: readonly Contender[] = [
  {
    ...{ name: 'earshot-apart', title: 'Earshot, nothing joined', ...EARSHOT },
    dials: {
      ...{ 'embedding.join_max_texts': 1, 'embedding.requests_in_flight': 64 },
      ...{ 'writes.join_max_rows': 1, 'writes.statements_in_flight': 10 },
    },
  },
];
