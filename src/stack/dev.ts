import { addresses, withSession } from './session.ts';

await withSession(async (session, stopped) => {
  console.log(`\n${addresses(session)}\n\nCtrl-C stops everything; data stay for the next start.`);
  await Promise.race([stopped, session.ended()]);
});
process.exit();
