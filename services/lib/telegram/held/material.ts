import type { SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { Claimed } from './claims.ts';

/** What the pool knows of a held session. The key is in it: it goes into the link and nowhere else. */
export interface HeldMaterial {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly name: string;
  /** Empty while no account is known for it. */
  readonly accountId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The Telegram to dial, and no other. */
  readonly environment: string;
  readonly source: SessionSource;
  /** Who acquired the lease. */
  readonly subject: string;
  readonly dataCenter: number;
  readonly authKey: Buffer;
  readonly userId?: bigint;
  readonly apiId?: number;
}

export function readSession({ sessionId, environment, material }: Claimed): HeldMaterial {
  const { tenantId, sessionName, accountId, labels, source, subject } = material!;
  const { dataCenter, authKey, userId, apiId } = material!;
  return {
    sessionId,
    tenantId,
    name: sessionName,
    accountId,
    labels,
    environment,
    source,
    subject,
    dataCenter,
    authKey: Buffer.from(authKey),
    ...(userId === '' ? {} : { userId: BigInt(userId) }),
    ...(apiId === '' ? {} : { apiId: Number(apiId) }),
  };
}
