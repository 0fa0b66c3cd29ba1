import { randomBytes } from 'node:crypto';
import { makeFirstOperator } from './users.ts';
import type { Identity } from './identity.ts';

/**
 * A deployment without an operator gets one. Its password is made here and told once, to `say`, which must not be
 * a log that is kept; only its hash is stored.
 */
export async function ensureOperator(
  identity: Identity,
  email: string,
  say: (text: string) => void,
): Promise<void> {
  const password = randomBytes(18).toString('base64url');
  const user = await makeFirstOperator(identity, { email, password });
  if (!user) return;
  identity.log.warn(
    { event: 'operator_created', user_id: user.user_id },
    'the first operator was created; its password is on standard error, this once',
  );
  say(
    `The first operator is ${user.email}, password ${password}\n` +
      'It is shown this once: log in and change it with ChangePassword.\n',
  );
}
