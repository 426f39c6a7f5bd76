import { escaped } from './chart.ts';
import { backlog, lagOverArrival, memory, queues, stages } from './charts.ts';
import { isClean, type LoadReport } from './report.ts';
import { tableOf } from './table.ts';

/** The report as one page that needs nothing else. */
export function htmlOf(report: LoadReport): string {
  const { run, audit } = report;
  const charts = [
    ...report.modalities.filter(({ records }) => records > 0).map(lagOverArrival),
    backlog(report),
    queues(report),
    stages(report),
    memory(report),
  ].filter((chart) => chart !== undefined);
  const verdict = `${audit.acknowledged} acknowledged, ${audit.fates.reachable} reachable, ${audit.lost.length} lost, ${audit.doubled.length} doubled`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Earshot under load, ${escaped(run)}</title>
<style>
body { font-family: system-ui, sans-serif; color: #111827; background: #f3f4f6; margin: 0 auto; max-width: 980px; padding: 24px }
h1 { font-size: 22px } .verdict { font-weight: 600 } figure { margin: 16px 0; border: 1px solid #d1d5db; background: #fff }
svg { display: block; width: 100%; height: auto } pre { overflow-x: auto; background: #fff; border: 1px solid #d1d5db; padding: 12px; font-size: 12px; line-height: 1.25 }
</style>
</head>
<body>
<h1>Earshot under load</h1>
<p class="verdict">${isClean(report) ? '✔' : '✖'} ${escaped(verdict)}</p>
${charts.map((chart) => `<figure>${chart}</figure>`).join('\n')}
<pre>${escaped(tableOf(report))}</pre>
</body>
</html>
`;
}
