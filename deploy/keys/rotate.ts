import { databaseUrl, logLevel, masterKey } from '#lib/config/shared.ts';
import { runProcess } from '#lib/lifecycle/process.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { rotateTable, type SealedTable } from '#lib/secrets/rotation.ts';
import { sealedTokenKeys } from '../../services/account-auth/identity/token-keys.ts';
import { sealedLogins } from '../../services/account-auth/login/secrets.ts';
import { sealedProxyPasswords } from '../../services/proxy-registry/proxies/passwords.ts';
import { sealedWatchKeys } from '../../services/messaging/watching/keys.ts';
import { rotateKeys } from '../../services/session-pool/sessions/keys-rotate.ts';
import type { PoolTables } from '../../services/session-pool/tables.ts';
import { summaryOf } from './summary.ts';

/** Everything else that the master key wraps: a service adds its tables here. */
const sealedTables: readonly SealedTable<never>[] = [
  sealedTokenKeys,
  sealedLogins,
  sealedProxyPasswords,
  sealedWatchKeys,
];
const FAILURES_SHOWN = 20;

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
    let failures = outcome.failed.length;
    for (const table of sealedTables) {
      const rotation = await rotateTable(database, config.masterKey, table, stopping);
      if (!rotation) continue;
      const name = `${table.schema}.${table.table}`;
      for (const { id, problem } of rotation.failed.slice(0, FAILURES_SHOWN))
        say(`${name} ${id}: ${problem}`);
      say(`Secrets of ${name} rewrapped: ${rotation.rewrapped}.`);
      failures += rotation.failed.length;
      for (const [version, count] of rotation.left)
        outcome.left.set(version, (outcome.left.get(version) ?? 0) + count);
    }
    for (const line of summaryOf(outcome, config.masterKey)) say(line);
    if (failures > 0) throw new Error(`${failures} keys could not be rewrapped`);
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
