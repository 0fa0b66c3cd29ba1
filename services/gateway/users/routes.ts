import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Authenticated } from '#lib/auth/authenticate.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import { within } from '#lib/lifecycle/clock.ts';
import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, object, ref, text as textSchema, wholeNumber } from '../docs/schema.ts';
import { detail, errorAnswer, json, Refusal } from '../http/answer.ts';
import { readCookie } from '../http/cookies.ts';
import { route } from '../http/described.ts';
import type { Exchange } from '../http/exchange.ts';
import { optional, text } from '../http/fields.ts';
import type { MeshClients } from '../mesh.ts';
import { clearedCookies, tokensAnswer } from './tokens.ts';

const TAG = 'users';

/** A login that ended is known here by an event within a second; an answer waits for it, and no longer. */
const HEARD_WITHIN_MS = 2_000;

const email = text({ min: 3, max: 254, description: 'E-mail address.', example: 'ann@example.org' });
const password = text({ min: 1, max: 512, description: 'Password.', example: 'correct horse 42' }, 'secret');

const refused = (description: string): object => answer(description, ref('Error'));

/** Who uses profiles: users with e-mail address and password, and their tokens. */
export function userRoutes({ identity }: Pick<MeshClients, 'identity'>): DescribedRoutes {
  const tokens = answer('Tokens, in the body and as HttpOnly cookies.', ref('Tokens'), {
    'set-cookie': { description: 'access_token and refresh_token.', schema: { type: 'string' } },
  });
  return {
    tags: [
      {
        name: TAG,
        description:
          'Register and log in. Send the access token as Authorization: Bearer …; a page of this gateway has it as a cookie.',
      },
    ],
    schemas: {
      User: object({ id: textSchema('A UUID.'), email: textSchema('In lower case.', 'ann@example.org') }),
      Tokens: object({
        access_token: textSchema('For Authorization: Bearer …'),
        refresh_token: textSchema('For POST /refresh, once.'),
        token_type: { const: 'bearer' },
        expires_in: wholeNumber('Seconds that the access token lives.', 900),
      }),
      LoggedOut: object({ status: { const: 'logged_out' } }),
    },
    routes: [
      route({
        method: 'POST',
        path: '/auth/register',
        tag: TAG,
        id: 'registerUser',
        summary: 'Register a user',
        details: 'Makes an organisation of its own, or joins the one that gave the invitation.',
        isOpen: true,
        input: {
          email,
          password,
          invitation: optional(
            text({ max: 512, description: 'From the owner of an organisation.' }, 'secret'),
          ),
        },
        answers: {
          201: answer('The user. Log in next.', ref('User')),
          403: refused('Only those who are invited may register here.'),
          404: refused('The invitation is unknown, used or expired.'),
          409: refused('The e-mail address is taken.'),
        },
        async handle({ input: { invitation = '', ...input }, options }) {
          const { user } = await identity.register({ ...input, invitation }, options);
          return { status: 201, body: { id: user!.userId, email: user!.email } };
        },
      }),
      route({
        method: 'POST',
        path: '/auth/login',
        tag: TAG,
        id: 'logIn',
        summary: 'Log in',
        isOpen: true,
        input: { email, password },
        answers: { 200: tokens, 401: refused('The e-mail address or the password is wrong.') },
        async handle({ input, exchange, options }) {
          const answered = await identity.login(input, options);
          return tokensAnswer(exchange, answered.tokens!);
        },
      }),
      route({
        method: 'POST',
        path: '/refresh',
        tag: TAG,
        id: 'refreshTokens',
        summary: 'A new pair of tokens',
        details: 'The refresh token comes in the body, or else as the cookie. It is used up by this.',
        isOpen: true,
        input: { refresh_token: optional(text({ max: 512, description: 'From the last pair.' }, 'secret')) },
        answers: { 200: tokens, 401: refused('The refresh token is unknown, used or expired.') },
        async handle({ input, exchange, options }) {
          const refreshToken = input.refresh_token ?? readCookie(exchange, 'refresh_token');
          if (refreshToken === undefined)
            throw new Refusal(
              detail(401, 'No refresh token: send refresh_token in the body', {
                'www-authenticate': 'Bearer',
              }),
            );
          try {
            const answered = await identity.refreshTokens({ refreshToken }, options);
            return tokensAnswer(exchange, answered.tokens!);
          } catch (error) {
            throw input.refresh_token === undefined ? endOfCookies(exchange, error) : error;
          }
        },
      }),
      route({
        method: 'POST',
        path: '/logout',
        tag: TAG,
        id: 'logOut',
        summary: 'Log out',
        details: 'Both tokens of this login are dead when the answer is here, and the cookies are cleared.',
        answers: { 200: answer('Logged out.', ref('LoggedOut')) },
        async handle({ exchange, caller, options }) {
          await identity.logout({}, options);
          await heard(exchange, caller);
          return json({ status: 'logged_out' }, clearedCookies(exchange));
        },
      }),
    ],
  };
}

/** A cookie that is good for nothing any more is taken away. */
function endOfCookies(exchange: Exchange, error: unknown): unknown {
  const isDead = toDomainError(error).reason === ErrorReason.CREDENTIALS_INVALID;
  if (!isDead) return error;
  const refusal = errorAnswer(exchange.call.failed(error));
  return new Refusal({ ...refusal, headers: { ...refusal.headers, ...clearedCookies(exchange) } });
}

/** This gateway refuses the token from here on. */
async function heard(exchange: Exchange, { revoked }: Authenticated): Promise<void> {
  if (!revoked || revoked.aborted) return;
  const ended = new Promise<void>((resolve) =>
    revoked.addEventListener('abort', () => resolve(), { once: true }),
  );
  await within(exchange.edge.clock, HEARD_WITHIN_MS, ended);
}
