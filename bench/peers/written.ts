import Table from 'cli-table3';
import type { Machine } from './machine.ts';
import type { ReportTable } from './report.ts';

/** The report for a terminal. */
export function forTerminal(about: Machine, tables: readonly ReportTable[], failures: readonly string[]): string {
  return written(about, tables, failures, ({ title, head, rows }) => {
    const table = new Table({ head: [...head], style: { head: [], border: [] } });
    table.push(...rows.map((row) => [...row]));
    return `${title}\n${table.toString()}`;
  });
}

/** The report as docs/performance.md has it. */
export function forDocs(about: Machine, tables: readonly ReportTable[], failures: readonly string[]): string {
  return written(about, tables, failures, ({ title, head, rows }) => {
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
    return [`${title}:`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
  });
}

function written(
  { cores, processor, memoryGiB, node, date, load }: Machine,
  tables: readonly ReportTable[],
  failures: readonly string[],
  one: (table: ReportTable) => string,
): string {
  const machine = `${cores} cores (${processor}), ${memoryGiB} GiB, Node ${node}, ${date}, load ${load.toFixed(1)}`;
  const rest = failures.length === 0 ? [] : [`Not counted:\n${failures.join('\n')}`];
  return [machine, ...tables.map(one), ...rest].join('\n\n');
}
