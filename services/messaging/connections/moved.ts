import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import { NeedsLogin } from '#lib/telegram/errors.ts';
import type { HeldMaterial } from '#lib/telegram/held/material.ts';
import type { PoolClient } from '#lib/telegram/held/replicas.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { fingerprint } from '#lib/telegram/material/fingerprint.ts';

const CALL_MS = 10_000;

export interface NewHome {
  readonly dataCenter: number;
  readonly authKey: Buffer;
}

/**
 * Telegram moved the account: the pool gets the key that it has from now on, as from a login. That ends the lease
 * on the old key, so that nobody is ever on both.
 */
export async function saveNewHome(
  pool: PoolClient,
  telegram: TelegramEnvironment,
  session: HeldMaterial,
  { dataCenter, authKey }: NewHome,
): Promise<void> {
  const { accountId, tenantId, name, labels, environment, userId } = session;
  // The pool knows whose new key it is by the account alone.
  if (accountId === '') throw new NeedsLogin(accountId, 'USER_MIGRATE');
  const address = telegram.dataCenters.get(dataCenter);
  const material = {
    dataCenter,
    authKey,
    ...(userId === undefined ? {} : { userId }),
    ...(address ? { address } : {}),
  };
  await pool.importSession(
    {
      name,
      material: renderMaterial(material, 'telethon-file'),
      format: SessionFormat.TELETHON_FILE,
      labels,
      environment,
      accountId,
      moved: true,
      requestId: `moved ${fingerprint(authKey).toString('hex')}`,
    },
    {
      parent: {
        principal: servicePrincipal('messaging', tenantId),
        signal: new AbortController().signal,
        remainingMs: () => CALL_MS,
      },
    },
  );
}
