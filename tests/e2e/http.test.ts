import { afterAll, beforeAll, describe } from 'vitest';
import { startHttpMesh, type HttpMesh } from '../support/http-mesh.ts';
import { accountCases } from './http/accounts.ts';
import { badInputCases } from './http/bad-input.ts';
import { cookieCases } from './http/cookies.ts';
import { documentedCases } from './http/documented.ts';
import { messageCases } from './http/messages.ts';
import { outageCases } from './http/outages.ts';
import { profileCases } from './http/profiles.ts';
import { proxyCases } from './http/proxies.ts';
import { taskCases } from './http/tasks.ts';
import { userCases } from './http/users.ts';

/* The older HTTP interfaces with plain fetch, before one mesh of real processes. */

let mesh: HttpMesh;
beforeAll(async () => {
  mesh = await startHttpMesh();
}, 90_000);
afterAll(() => mesh?.stop());

const started = (): HttpMesh => mesh;

describe('users', () => {
  userCases(started);
});
describe('cookies', () => {
  cookieCases(started);
});
describe('profiles', () => {
  profileCases(started);
});
describe('messages', () => {
  messageCases(started);
});
describe('accounts', () => {
  accountCases(started);
});
describe('proxies', () => {
  proxyCases(started);
});
describe('tasks', () => {
  taskCases(started);
});
describe('docs/http.md', () => {
  documentedCases(started);
});
describe('bad input', () => {
  badInputCases(started);
});
describe('outages', () => {
  outageCases(started);
});
