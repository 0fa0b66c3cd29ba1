import { afterAll, beforeAll, describe } from 'vitest';
import { startHttpMesh, type HttpMesh } from '../support/http-mesh.ts';
import { accountCases } from './http/accounts.ts';
import { badInputCases } from './http/bad-input.ts';
import { cookieCases } from './http/cookies.ts';
import { messageCases } from './http/messages.ts';
import { outageCases } from './http/outages.ts';
import { profileCases } from './http/profiles.ts';
import { proxyCases } from './http/proxies.ts';
import { userCases } from './http/users.ts';

/* The older HTTP interfaces with plain fetch, before one mesh of real processes. */

let mesh: HttpMesh;
beforeAll(async () => {
  mesh = await startHttpMesh();
}, 90_000);
afterAll(() => mesh?.stop());

const cases = {
  users: userCases,
  cookies: cookieCases,
  profiles: profileCases,
  messages: messageCases,
  accounts: accountCases,
  proxies: proxyCases,
  'bad input': badInputCases,
  outages: outageCases,
};

for (const [name, define] of Object.entries(cases))
  describe(name, () => {
    define(() => mesh);
  });
