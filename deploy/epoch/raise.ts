import { duration } from '#lib/config/config.ts';
import { databaseUrl, logLevel } from '#lib/config/shared.ts';
import { runProcess } from '#lib/lifecycle/process.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { markRestored } from '../../services/session-pool/restored.ts';
import type { PoolTables } from '../../services/session-pool/tables.ts';

await runProcess({
  name: 'epoch:raise',
  purpose:
    'is for once after a restore from a backup, before services start: makes new fencing tokens higher than any ever given out, and holds sessions back for a time.',
  fields: {
    databaseUrl,
    holdBack: duration('RESTORE_HOLD_BACK', {
      doc: 'How long sessions are given to nobody: at least the longest TTL that holders use.',
      default: '2m',
      min: '0s',
      max: '24h',
    }),
    logLevel,
  },
  env: process.env,
  argv: process.argv.slice(2),
  task: true,
  async main({ config, log, onStop }) {
    const database = openDatabase<PoolTables>({
      url: config.databaseUrl,
      schema: 'session_pool',
      poolSize: 1,
      applicationName: 'telegate epoch:raise',
      log,
    });
    onStop('database', () => database.close());
    const { epoch, heldBack } = await markRestored(database, config.holdBack);
    log.info(
      { event: 'epoch_raised', epoch, held_back: heldBack },
      `the epoch is ${epoch} now; ${heldBack} sessions are held back`,
    );
  },
});
