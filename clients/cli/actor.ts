import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import type { ActorSchema } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { Misuse } from './misuse.ts';
import { findAccountId } from './named-account.ts';
import { findSession } from './named-session.ts';
import type { Service } from './service.ts';
import { readId } from './values.ts';

/** Who acts: an account, a session, or the session of a lease that somebody holds elsewhere. */
export const actorOptions = {
  account: { type: 'string', value: 'ACCOUNT', doc: 'the account that acts: its id, phone or name' },
  session: { type: 'string', value: 'ID|NAME', doc: 'or the session that acts' },
  lease: { type: 'string', value: 'LEASE_ID', doc: 'or a lease that is held; needs --token' },
  token: { type: 'string', value: 'NUMBER', doc: 'the fencing token of --lease' },
} as const;

type ActorValues = { readonly [K in keyof typeof actorOptions]: string | undefined };

export async function readActor(
  { account, session, lease, token }: ActorValues,
  services: {
    accounts: () => Service<typeof AccountAuthService>;
    pool: () => Service<typeof SessionPoolService>;
  },
): Promise<MessageInitShape<typeof ActorSchema>> {
  const named = [account, session, lease].filter((one) => one !== undefined).length;
  if (named !== 1)
    throw new Misuse(
      named === 0
        ? 'Say who acts: --account, --session, or --lease with --token.'
        : 'Only one of --account, --session and --lease can act.',
    );
  if ((lease === undefined) !== (token === undefined))
    throw new Misuse('--lease and --token belong together: telegate lease prints both.');
  if (account !== undefined)
    return { actor: { case: 'accountId', value: await findAccountId(services.accounts, account) } };
  if (session !== undefined) {
    const { sessionId } = await findSession(services.pool(), session);
    return { actor: { case: 'sessionId', value: sessionId } };
  }
  const proof = { leaseId: lease!, fencingToken: readId('--token', token)! };
  return { actor: { case: 'lease', value: proof } };
}
