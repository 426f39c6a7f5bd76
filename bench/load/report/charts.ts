import { MODALITIES, SMOOTH_SECONDS, smooth, STAGES } from '../figures.ts';
import { COLOURS, frame, svgOf, text, type Axis, type Series } from './chart.ts';
import type { LoadReport, ModalityReport } from './report.ts';
import { linear, logarithmic } from './scale.ts';
import { stageTitle, told } from './wording.ts';

const MODALITY_STYLES = {
  chat: { colour: COLOURS.blue },
  audio: { colour: COLOURS.red, dash: '7 3' },
  screenshot: { colour: COLOURS.green, dash: '2 3' },
} as const;

const MODALITY_NAMES = { chat: 'messages', audio: 'calls', screenshot: 'screenshots' } as const;

const seconds = (ms: number) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);

/**
 * The first graph that an expert asks for: how old what becomes reachable is, over how much comes in. Where arrivals and
 * what is made reachable part, lag follows, and the alarm on the backlog comes before the one on the lag.
 */
export function lagOverArrival({ modality, course, parting, forecastAt, budgetMs }: ModalityReport): string {
  const lags = [...course.lagP50, ...course.lagP99].flatMap((lag) => (lag === undefined || lag <= 0 ? [] : lag));
  const of = (values: readonly (number | undefined)[]) => values.map((y, at) => ({ x: at + 1, y }));
  const arrival = smooth(course.accepted);
  const pace = smooth(course.reached);
  const right: Axis = {
    label: 'capture to reachable (log scale)',
    scale: logarithmic(minimum([...lags, budgetMs]), maximum([...lags, budgetMs])),
    tick: seconds,
  };
  const marks = [
    { at: parting.partedAt, text: 'arrivals and pace part' },
    { at: parting.backlogAlarmAt, text: 'backlog alarm' },
    { at: forecastAt, text: 'Earshot foretells a breach' },
    { at: parting.lagAlarmAt, text: 'lag alarm' },
  ].flatMap(({ at, text: words }) => (at === undefined ? [] : [{ at, text: words }]));
  return svgOf({
    title: `${MODALITY_NAMES[modality]}: lag over arrival rate`,
    note: `Means and percentiles of ${SMOOTH_SECONDS} s. Backlog alarm: what waits would take half the budget. Lag alarm: p99 above the budget.`,
    seconds: course.accepted.length,
    left: { label: 'records per second', scale: linear(maximum([...arrival, ...pace])), tick: short },
    right,
    series: [
      { name: 'accepted/s', axis: 'left', colour: COLOURS.grey, filled: true, points: of(arrival) },
      { name: 'made reachable/s', axis: 'left', colour: COLOURS.green, points: of(pace) },
      { name: 'lag p50', axis: 'right', colour: COLOURS.blue, dash: '2 3', points: of(course.lagP50) },
      { name: 'lag p99', axis: 'right', colour: COLOURS.red, dash: '7 3', points: of(course.lagP99) },
    ],
    marks,
    limits: [{ axis: 'right', value: budgetMs, text: `budget ${seconds(budgetMs)}` }],
  });
}

export function backlog({ modalities }: LoadReport): string {
  const series = modalities.map(({ modality, course }): Series => ({
    name: MODALITY_NAMES[modality],
    axis: 'left',
    ...MODALITY_STYLES[modality],
    points: course.waiting.map((y, at) => ({ x: at + 1, y })),
  }));
  return svgOf({
    title: 'Backlog: accepted and not yet reachable',
    note: 'From the stamps of every record that was acknowledged, at the end of each second.',
    seconds: maximum(modalities.map(({ course }) => course.accepted.length)),
    left: {
      label: 'records',
      scale: linear(maximum(modalities.flatMap(({ course }) => course.waiting))),
      tick: short,
    },
    series,
    marks: [],
    limits: [],
  });
}

const QUEUE_STYLES = [
  { colour: COLOURS.blue },
  { colour: COLOURS.red, dash: '7 3' },
  { colour: COLOURS.green, dash: '2 3' },
  { colour: COLOURS.orange, dash: '10 3 2 3' },
  { colour: COLOURS.grey, dash: '4 4' },
] as const;

/** Tasks that wait in Temporal's queues, as Earshot told while it ran; undefined where it told none. */
export function queues({ samples, steps }: LoadReport): string | undefined {
  const names = new Set(samples.flatMap(({ own }) => Object.keys(own?.queues ?? {})));
  const most = (name: string) => maximum(samples.map(({ own }) => own?.queues[name] ?? 0));
  const longest = [...names].sort((one, other) => most(other) - most(one)).slice(0, QUEUE_STYLES.length);
  if (longest.length === 0) return undefined;
  const series = longest.map((name, place): Series => {
    const points = samples.flatMap(({ atMs, own }) => {
      return own === undefined ? [] : [{ x: Math.max(0, atMs / 1000), y: own.queues[name] ?? 0 }];
    });
    return { name, axis: 'left', ...QUEUE_STYLES[place]!, points };
  });
  return svgOf({
    title: 'Task queues: tasks that wait',
    note: 'The longest five, as Earshot told in GET /v1/backlog; marked are its steps against the pressure.',
    seconds: maximum(samples.map(({ atMs }) => atMs / 1000)),
    left: { label: 'tasks', scale: linear(maximum(longest.map(most))), tick: short },
    series,
    marks: steps.map(({ at, step }) => ({ at, text: step })),
    limits: [],
  });
}

export function memory({ processes, samples }: LoadReport): string | undefined {
  const followed = processes.filter(({ name }) => name === 'API and workers' || name === 'stub models');
  if (followed.length === 0) return undefined;
  const megabytes = (name: string, index: number) => {
    const use = samples[index]!.processes[name];
    return use === undefined ? undefined : use.rssBytes / 2 ** 20;
  };
  const series = followed.map(({ name }, place): Series => {
    const style = place === 0 ? { colour: COLOURS.blue } : { colour: COLOURS.orange, dash: '7 3' };
    const points = samples.map(({ atMs }, index) => ({ x: Math.max(0, atMs / 1000), y: megabytes(name, index) }));
    return { name, axis: 'left', ...style, points };
  });
  const told = (slope: number | undefined) => (slope === undefined ? 'not known' : slope.toFixed(0));
  const slopes = followed.map((each) => {
    return `${each.name} ${told(each.rssSlopeMibPerHour)}, ${told(each.rssSecondHalfSlopeMibPerHour)}`;
  });
  return svgOf({
    title: 'Memory: resident set of each process',
    note: `Slope by least squares over the last three quarters, and over the second half, in MiB/h: ${slopes.join('; ')}.`,
    seconds: maximum(samples.map(({ atMs }) => atMs / 1000)),
    left: {
      label: 'MiB',
      scale: linear(maximum(series.flatMap(({ points }) => points.flatMap(({ y }) => y ?? [])))),
      tick: short,
    },
    series,
    marks: [],
    limits: [],
  });
}

const ROW = 20;
const BARS = { left: 170, right: 740, top: 64 };

/** Percentiles of each stage of each modality on one logarithmic axis, as stretches from p50 to p99. */
export function stages({ modalities }: LoadReport): string {
  const shown = MODALITIES.flatMap((name) =>
    modalities.filter(({ modality, freshness }) => {
      return modality === name && freshness.totalMs !== undefined;
    }),
  );
  const values = shown.flatMap(({ freshness, budgetMs }) =>
    STAGES.flatMap((stage) => [freshness[stage]?.p50 ?? 1, freshness[stage]?.p99 ?? 1, budgetMs]),
  );
  const scale = logarithmic(1, maximum([10, ...values]));
  const across = (ms: number) => BARS.left + scale.place(Math.max(1, ms)) * (BARS.right - BARS.left);
  const rows = shown.flatMap(({ modality, freshness, budgetMs }) => [
    ...STAGES.map((stage) => ({
      title: `${MODALITY_NAMES[modality]} ${stageTitle(stage)}`,
      own: freshness[stage],
      stage,
      budgetMs,
    })),
  ]);
  const height = BARS.top + rows.length * ROW + shown.length * 10 + 40;
  const bottom = height - 36;
  const bars = rows.map(({ title, own, stage, budgetMs }, index) => {
    const y = BARS.top + index * ROW + Math.floor(index / STAGES.length) * 10;
    if (own === undefined) return '';
    const [low, mid, high] = [across(own.p50), across(own.p95), across(own.p99)];
    const colour = stage === 'totalMs' ? COLOURS.blue : COLOURS.orange;
    const parts = [
      text(BARS.left - 8, y + 11, stage === 'totalMs' ? 'mark' : 'small', title, 'end'),
      `<rect x="${low}" y="${y + 2}" width="${Math.max(2, high - low)}" height="11" fill="${colour}" fill-opacity="0.45"/>`,
      `<line x1="${low}" x2="${low}" y1="${y}" y2="${y + 15}" stroke="#111827" stroke-width="2"/>`,
      `<line x1="${mid}" x2="${mid}" y1="${y + 2}" y2="${y + 13}" stroke="${colour}" stroke-width="2"/>`,
    ];
    const limit = stage === 'totalMs' ? across(budgetMs) : 0;
    parts.push(
      text(Math.max(high, limit) + 6, y + 11, 'small', `${told(own.p50)} / ${told(own.p95)} / ${told(own.p99)}`),
    );
    if (stage === 'totalMs') {
      parts.push(`<line x1="${limit}" x2="${limit}" y1="${y - 4}" y2="${y + 19}" stroke="#111827" stroke-width="3"/>`);
    }
    return parts.join('');
  });
  const ticks = scale.ticks.map((ms) => {
    const x = across(ms);
    return `<line x1="${x}" x2="${x}" y1="${BARS.top - 6}" y2="${bottom}" class="grid"/>${text(x, bottom + 14, 'small', seconds(ms), 'middle')}`;
  });
  const parts = [
    text(16, 24, 'title', 'Freshness by stage'),
    text(16, 42, 'small', 'From p50 (black) over p95 to p99; the thick line at each total is its p99 budget.'),
    ...ticks,
    ...bars,
    text((BARS.left + BARS.right) / 2, height - 6, 'small', 'time (log scale)', 'middle'),
  ];
  return frame('Freshness by stage', parts.join('\n'), height);
}

function short(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

function maximum(values: readonly number[]): number {
  return values.reduce((one, other) => Math.max(one, other), 0);
}

function minimum(values: readonly number[]): number {
  return values.reduce((one, other) => Math.min(one, other), Infinity);
}
