import { databaseUrl, logLevel, masterKey } from '#lib/config/shared.ts';
import { runProcess } from '#lib/lifecycle/process.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { rotateKeys } from '../../services/session-pool/sessions/keys-rotate.ts';
import type { PoolTables } from '../../services/session-pool/tables.ts';
import { summaryOf } from './summary.ts';

await runProcess({
  name: 'keys:rotate',
  purpose:
    'wraps every session key by the first key of TELEGATE_MASTER_KEY. Before it, put the new key in front of ' +
    'the old ones there and restart the services; after it, take out the versions that it names. The mesh may ' +
    'run meanwhile, and a run that was interrupted is continued by the next.',
  fields: { databaseUrl, masterKey, logLevel },
  env: process.env,
  argv: process.argv.slice(2),
  task: true,
  async main({ config, log, onStop, stopping }) {
    const database = openDatabase<PoolTables>({
      url: config.databaseUrl,
      schema: 'session_pool',
      poolSize: 2,
      applicationName: 'telegate keys:rotate',
      log,
    });
    onStop('database', () => database.close());
    const outcome = await rotateKeys(
      { database, masterKeys: config.masterKey },
      { signal: stopping, onProgress: ({ rewrapped }) => say(`${rewrapped} keys rewrapped so far`) },
    );
    for (const line of summaryOf(outcome, config.masterKey)) say(line);
    if (outcome.failed.length > 0) throw new Error(`${outcome.failed.length} keys could not be rewrapped`);
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
