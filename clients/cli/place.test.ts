import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPlace, NoMesh, type PlaceOptions } from './place.ts';

let root: string;
let deep: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'telegate-place-'));
  deep = join(root, 'a', 'b');
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(root, '.telegate'));
  writeFileSync(join(root, '.telegate', 'mesh.json'), mesh('10.0.0.1:1', 'local'));
  writeFileSync(join(root, 'other.json'), mesh('10.0.0.2:2', 'other'));
  writeFileSync(join(root, 'broken.json'), '{');
  writeFileSync(join(root, 'empty.json'), '{}');
  writeFileSync(join(root, 'key'), ' from-file\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const mesh = (grpc: string, apiKey: string) =>
  JSON.stringify({ endpoints: { session_pool: { grpc, admin: '' } }, apiKey });

function place(options: Partial<PlaceOptions> = {}): { at: string; key: string } {
  const none = { endpoint: undefined, apiKeyFile: undefined, meshFile: undefined, env: {}, cwd: deep };
  const { addresses, apiKey } = findPlace('session_pool', { ...none, ...options });
  return { at: addresses.map(({ target, tls }) => `${target}${tls ? ' tls' : ''}`).join(' '), key: apiKey };
}

const inEnvironment = { TELEGATE_ENDPOINT: 'env:3', TELEGATE_API_KEY: 'env' };

test('flags come before the environment, and that before the mesh file found upwards', () => {
  expect(place()).toEqual({ at: '10.0.0.1:1', key: 'local' });
  expect(place({ env: inEnvironment })).toEqual({ at: 'env:3', key: 'env' });
  expect(place({ env: inEnvironment, endpoint: 'flag:4' })).toEqual({ at: 'flag:4', key: 'env' });
  expect(place({ env: inEnvironment, apiKeyFile: '../../key' })).toEqual({ at: 'env:3', key: 'from-file' });
  expect(place({ env: inEnvironment, meshFile: '../../other.json' })).toEqual({
    at: '10.0.0.2:2',
    key: 'other',
  });
  expect(place({ env: { TELEGATE_API_KEY: 'env' } })).toEqual({ at: '10.0.0.1:1', key: 'env' });
  expect(place({ env: { TELEGATE_HOME: join(root, '.telegate') }, cwd: tmpdir() }).key).toBe('local');
});

test('the key of a local mesh is not sent to another address, unless its file is named', () => {
  expect(() => place({ endpoint: 'elsewhere:5' })).toThrow('There is no API key');
  expect(() => place({ env: { TELEGATE_ENDPOINT: 'elsewhere:5' } })).toThrow('There is no API key');
  expect(place({ endpoint: 'elsewhere:5', meshFile: '../../other.json' })).toEqual({
    at: 'elsewhere:5',
    key: 'other',
  });
});

test('addresses: several, IPv6, TLS', () => {
  const at = (endpoint: string) => place({ endpoint, env: inEnvironment }).at;
  expect(at('a:1, https://b.example:443/ ,[::1]:50051')).toBe('a:1 b.example:443 tls [::1]:50051');
});

test.each(['a', 'a:0', 'a:70000', ',', 'ftp://a:1', 'http://a:1/path', 'user@a:1'])(
  '%s is no address',
  (wrong) => {
    expect(() => place({ endpoint: wrong, env: inEnvironment })).toThrow('--endpoint must');
  },
);

test('what can not be used is named, without what it holds', () => {
  expect(() => place({ cwd: tmpdir() })).toThrow(NoMesh);
  expect(() => place({ meshFile: 'nothing.json' })).toThrow(NoMesh);
  expect(() => place({ meshFile: '../../broken.json' })).toThrow('it is not JSON');
  expect(() => place({ meshFile: '../../empty.json' })).toThrow('it lacks endpoints or the key');
  expect(() => place({ apiKeyFile: 'nothing' })).toThrow('there is no such file');
  expect(() => findPlaceOf('messaging')).toThrow('has no messaging');
  const env = { TELEGATE_API_KEY: 'two\nlines' };
  expect(() => place({ env })).toThrow(/^What TELEGATE_API_KEY holds is no API key/);
});

function findPlaceOf(service: string) {
  return findPlace(service, {
    endpoint: undefined,
    apiKeyFile: undefined,
    meshFile: undefined,
    env: {},
    cwd: deep,
  });
}
