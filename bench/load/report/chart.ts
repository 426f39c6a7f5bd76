import { upTo, type Scale } from './scale.ts';

/** Okabe and Ito's colours, which people with any colour vision tell apart; dashes tell them apart without colour. */
export const COLOURS = {
  blue: '#0072b2',
  orange: '#e69f00',
  red: '#d55e00',
  green: '#009e73',
  grey: '#6b7280',
} as const;

export interface Series {
  readonly name: string;
  readonly axis: 'left' | 'right';
  readonly colour: string;
  readonly dash?: string;
  /** The space below it is filled. */
  readonly filled?: boolean;
  /** Gaps where y is undefined. */
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[];
}

export interface Axis {
  /** With its unit. */
  readonly label: string;
  readonly scale: Scale;
  readonly tick: (value: number) => string;
}

export interface Chart {
  readonly title: string;
  readonly note: string;
  /** Seconds that the run took. */
  readonly seconds: number;
  readonly left: Axis;
  readonly right?: Axis;
  readonly series: readonly Series[];
  /** Moments that are marked. */
  readonly marks: readonly { readonly at: number; readonly text: string }[];
  /** Values that must not be passed. */
  readonly limits: readonly { readonly axis: 'left' | 'right'; readonly value: number; readonly text: string }[];
}

const WIDTH = 920;
const HEIGHT = 340;
const BOX = { left: 70, right: WIDTH - 80, top: 84, bottom: HEIGHT - 48 };

/** A chart over the seconds of a run, as an SVG of its own. */
export function svgOf(chart: Chart): string {
  const x = upTo(chart.seconds);
  const axes = { left: chart.left, right: chart.right ?? chart.left };
  const across = (value: number) => round(BOX.left + x.place(value) * (BOX.right - BOX.left));
  const up = (side: 'left' | 'right', value: number) =>
    round(BOX.bottom - Math.min(1.02, axes[side].scale.place(value)) * (BOX.bottom - BOX.top));
  const grid = chart.left.scale.ticks.map(
    (value) =>
      `<line x1="${BOX.left}" x2="${BOX.right}" y1="${up('left', value)}" y2="${up('left', value)}" class="grid"/>`,
  );
  const limits = chart.limits.map(({ axis, value, text }) => {
    const y = up(axis, value);
    const line = `<line x1="${BOX.left}" x2="${BOX.right}" y1="${y}" y2="${y}" class="limit"/>`;
    return `${line}<text x="${BOX.right - 4}" y="${y - 4}" text-anchor="end" class="small">${escaped(text)}</text>`;
  });
  const parts = [
    text(16, 24, 'title', chart.title),
    text(16, 42, 'small', chart.note),
    ...legend(chart.series),
    ...grid,
    ...sideTicks('left', chart.left, up),
    ...(chart.right === undefined ? [] : sideTicks('right', chart.right, up)),
    ...x.ticks.map((value) => text(across(value), BOX.bottom + 16, 'small', String(round(value)), 'middle')),
    text((BOX.left + BOX.right) / 2, HEIGHT - 10, 'small', 'seconds since the run began', 'middle'),
    ...chart.series.map((series) => lines(series, across, (value) => up(series.axis, value))),
    ...limits,
    ...marks(chart.marks, across),
  ];
  return frame(chart.title, parts.join('\n'));
}

function sideTicks(
  side: 'left' | 'right',
  axis: Axis,
  up: (side: 'left' | 'right', value: number) => number,
): string[] {
  const edge = side === 'left' ? BOX.left - 6 : BOX.right + 6;
  const anchor = side === 'left' ? 'end' : 'start';
  const ticks = axis.scale.ticks.map((value) => text(edge, up(side, value) + 4, 'small', axis.tick(value), anchor));
  const at = side === 'left' ? 14 : WIDTH - 10;
  const middle = (BOX.top + BOX.bottom) / 2;
  const label = `<text transform="rotate(-90 ${at} ${middle})" x="${at}" y="${middle}" text-anchor="middle" class="small">${escaped(axis.label)}</text>`;
  return [...ticks, label];
}

function legend(series: readonly Series[]): string[] {
  let at = BOX.left;
  return series.map(({ name, colour, dash, filled }) => {
    const start = at;
    at += 44 + name.length * 6.6;
    const swatch =
      filled === true
        ? `<rect x="${start}" y="55" width="24" height="10" fill="${colour}" fill-opacity="0.35"/>`
        : `<line x1="${start}" x2="${start + 24}" y1="60" y2="60" stroke="${colour}" stroke-width="2"${dashed(dash)}/>`;
    return swatch + text(start + 30, 64, 'small', name);
  });
}

function lines(series: Series, across: (x: number) => number, up: (y: number) => number): string {
  const runs: string[][] = [[]];
  for (const { x, y } of series.points) {
    if (y === undefined) runs.push([]);
    else runs.at(-1)!.push(`${across(x)} ${up(y)}`);
  }
  return runs
    .filter((run) => run.length > 0)
    .map((run) => {
      const line = `M${run.join('L')}`;
      const [first, last] = [run[0]!.split(' ')[0], run.at(-1)!.split(' ')[0]];
      if (series.filled === true) {
        return `<path d="${line}L${last} ${BOX.bottom}L${first} ${BOX.bottom}Z" fill="${series.colour}" fill-opacity="0.25"/>`;
      }
      // A point without neighbours is a dot.
      const d = run.length === 1 ? `${line}h0.1` : line;
      return `<path d="${d}" fill="none" stroke="${series.colour}" stroke-width="2" stroke-linecap="round"${dashed(series.dash)}/>`;
    })
    .join('');
}

function marks(all: Chart['marks'], across: (x: number) => number): string[] {
  return all.map(({ at, text: words }, index) => {
    const x = across(at);
    const y = BOX.top + 12 + index * 14;
    const nearEnd = x > BOX.right - 220;
    const label = text(nearEnd ? x - 5 : x + 5, y, 'mark', `${words}, ${at} s`, nearEnd ? 'end' : 'start');
    return `<line x1="${x}" x2="${x}" y1="${BOX.top}" y2="${BOX.bottom}" class="moment"/>${label}`;
  });
}

export function frame(title: string, content: string, height: number = HEIGHT): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif">
<style>
.title { font-size: 15px; font-weight: 600; fill: #111827 } .small { font-size: 11px; fill: #374151 }
.mark { font-size: 11px; font-weight: 600; fill: #111827 } .grid { stroke: #e5e7eb }
.limit { stroke: #111827; stroke-dasharray: 2 3 } .moment { stroke: #111827; stroke-width: 1.2 }
</style>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${content}
</svg>`;
}

export function text(
  x: number,
  y: number,
  kind: string,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" class="${kind}">${escaped(words)}</text>`;
}

export function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter]!);
}

function dashed(dash: string | undefined): string {
  return dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
