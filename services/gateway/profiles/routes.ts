import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, listOfRef, object, ref } from '../docs/schema.ts';
import { json, type Answer } from '../http/answer.ts';
import { route } from '../http/described.ts';
import { text, textOrNumber } from '../http/fields.ts';
import type { MeshClients } from '../mesh.ts';
import { allProfiles } from './find.ts';
import {
  passwordRequired,
  passwordRequiredSchema,
  startedSchema,
  startLogin,
  submitCode,
  submitPassword,
  type LoginStep,
} from './login.ts';
import { profileJson, profileSchema } from './shapes.ts';

const TAG = 'profiles';

export const phone = textOrNumber({
  description: 'In E.164, or with the usual blanks and dashes.',
  example: '+15550000001',
});

/** The Telegram accounts of a user, and how they log in. */
export function profileRoutes({ accountAuth }: Pick<MeshClients, 'accountAuth'>): DescribedRoutes {
  return {
    tags: [
      {
        name: TAG,
        description: 'Your Telegram accounts. Log one in: start, code, and password if it has one.',
      },
    ],
    schemas: {
      Profile: profileSchema,
      LoginStarted: startedSchema,
      PasswordRequired: passwordRequiredSchema,
      Authorized: object({ status: { const: 'authorized' }, profile: ref('Profile') }),
    },
    routes: [
      route({
        method: 'GET',
        path: '/profiles',
        tag: TAG,
        id: 'listProfiles',
        summary: 'Your Telegram accounts',
        answers: { 200: answer('All of them, the oldest first.', listOfRef('Profile')) },
        handle: async ({ options }) =>
          json((await allProfiles(accountAuth, options)).map((account) => profileJson(account))),
      }),
      route({
        method: 'POST',
        path: '/profiles/start',
        tag: TAG,
        id: 'startProfile',
        summary: 'Have Telegram send a login code',
        input: { phone },
        answers: {
          200: answer('The code is on its way.', ref('LoginStarted')),
          409: answer('Somebody else is logging the phone in, or the account is banned.', ref('Error')),
        },
        handle: async ({ input, options, exchange }) =>
          json(await startLogin(accountAuth, input.phone, options, exchange.edge.clock)),
      }),
      route({
        method: 'POST',
        path: '/profiles/code',
        tag: TAG,
        id: 'submitCode',
        summary: 'Hand in the code',
        input: {
          phone,
          code: textOrNumber({ description: 'As it came.', example: '12345' }),
        },
        answers: {
          200: answer('Logged in, or the password is next.', {
            anyOf: [ref('Authorized'), ref('PasswordRequired')],
          }),
        },
        handle: async ({ input, options }) => stepAnswer(await submitCode(accountAuth, input, options)),
      }),
      route({
        method: 'POST',
        path: '/profiles/password',
        tag: TAG,
        id: 'submitPassword',
        summary: "Hand in the account's password",
        input: {
          phone,
          password: text({ max: 1_024, description: "The account's, not yours here." }, 'secret'),
        },
        answers: { 200: answer('Logged in.', ref('Authorized')) },
        handle: async ({ input, options }) => stepAnswer(await submitPassword(accountAuth, input, options)),
      }),
    ],
  };
}

function stepAnswer({ login, account }: LoginStep): Answer {
  return json(account ? { status: 'authorized', profile: profileJson(account) } : passwordRequired(login));
}
