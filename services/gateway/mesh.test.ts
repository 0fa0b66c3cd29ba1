import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { serveEcho } from '../../tests/support/echo/echo-service.ts';
import { closing } from '../../tests/support/echo/harness.ts';
import { meshBridges, openMesh, type MeshAddresses } from './mesh.ts';

const NOWHERE = '127.0.0.1:9';
const nowhere: MeshAddresses = {
  sessionPool: NOWHERE,
  accountAuth: NOWHERE,
  messaging: NOWHERE,
  proxyRegistry: NOWHERE,
  engagement: NOWHERE,
};

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

function open(addresses: Partial<MeshAddresses> = {}) {
  const mesh = openMesh({ ...nowhere, ...addresses }, {});
  opened.push(() => mesh.close());
  return mesh;
}

/** Every call of the mesh by its path, with what its proto file says of it. */
function documentedCalls(): { path: string; comment: string }[] {
  const folder = new URL('../../proto/telegate/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /^(session_pool|account_auth|messaging|proxy_registry|engagement)\/.*_service\.proto$/.test(name),
  );
  return files.flatMap((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    const typeName = `${/^package (.*);$/m.exec(text)![1]}.${/^service (\w+)/m.exec(text)![1]}`;
    return [...text.matchAll(/((?:^ *\/\/.*\n)*)^ *rpc (\w+)/gm)].map(([, comment, method]) => ({
      path: `${typeName}/${method}`,
      comment: comment!.replaceAll(/\s*\/\/\s*/g, ' '),
    }));
  });
}

describe('what is served of the mesh', () => {
  test('every call, but those between services', () => {
    const served = meshBridges(open())
      .flatMap(({ methods }) => methods)
      .map((method) => `${method.parent.typeName}/${method.name}`)
      .filter((path) => !path.startsWith('grpc.'));
    const calls = documentedCalls();
    expect(calls.length).toBeGreaterThan(60);
    const between = calls.filter(({ comment }) => comment.includes('Scope `mesh`'));
    expect(between.length).toBeGreaterThan(4);
    const outside = calls.filter((call) => !between.includes(call));
    expect(served.toSorted()).toEqual(outside.map(({ path }) => path).toSorted());
  });
});

describe('the state of each service', () => {
  test('by name: serving, stopping, away', async () => {
    const [serving, stopping] = await Promise.all([serveEcho(), serveEcho()]);
    for (const server of [serving, stopping]) closing.push(() => server.drain(0));
    stopping.setServing(false);
    const mesh = open({ sessionPool: serving.address, messaging: stopping.address });
    expect(Object.fromEntries(await mesh.health.states())).toEqual({
      'session-pool': 'serving',
      'account-auth': 'unreachable',
      messaging: 'stopping',
      'proxy-registry': 'unreachable',
      engagement: 'unreachable',
    });
  });

  test('many who ask are one question', async () => {
    const mesh = open();
    expect(mesh.health.states()).toBe(mesh.health.states());
    await mesh.health.states();
  });
});
