import { addresses, withSession } from './session.ts';

await withSession(async (session, stopped) => {
  console.log(`\n${addresses(session)}\n\nCtrl-C stops everything; data stay for the next start.`);
  const ended = new Promise<void>((resolve) => session.application.child.once('exit', () => resolve()));
  await Promise.race([stopped, ended]);
});
