import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig, type Fields } from '#lib/config/config.ts';
import { services } from '../local/registry.ts';

interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean }; fieldRef?: object };
}

interface Container {
  image: string;
  command: string[];
  env: Variable[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  resources: { requests: object; limits: { memory: string } };
  securityContext: object;
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Record<string, string>;
  spec: {
    replicas: number;
    clusterIP?: string;
    maxUnavailable?: number;
    selector: Record<string, unknown>;
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds?: number;
        securityContext: object;
        automountServiceAccountToken: boolean;
        containers: [Container];
      };
    };
  };
}

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8');
const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.yaml'));
const manifestsOf = (file: string): Manifest[] =>
  parseAllDocuments(read(file)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
const shared = manifestsOf('telegate.yaml').find(({ kind }) => kind === 'ConfigMap')!.data!;
const of = (name: string, kind: string): Manifest =>
  manifestsOf(`${name}.yaml`).find((manifest) => manifest.kind === kind)!;

test('kustomization.yaml names every file', () => {
  const { resources } = parse(read('kustomization.yaml')) as { resources: string[] };
  expect([...resources, 'kustomization.yaml'].toSorted()).toEqual(files.toSorted());
});

test('no key stands in any file', () => {
  for (const file of files) expect(read(file)).not.toMatch(/kind: Secret|tgop_|[A-Za-z0-9+/]{40,}=/);
});

const keys: Record<string, string> = {
  DATABASE_URL: 'postgres://telegate:x@postgres:5432/telegate',
  NATS_URL: 'nats://nats:4222',
  TELEGATE_MASTER_KEY: `1:${Buffer.alloc(32, 1).toString('base64')}`,
  TELEGATE_MESH_KEY: Buffer.alloc(32, 2).toString('base64'),
  TELEGATE_OPERATOR_KEY: 'x'.repeat(32),
};

describe.for(services)('$name', ({ name, main, grpcPort, adminPort }) => {
  const deployment = of(name, 'Deployment');
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;

  test('runs its program, unprivileged, with probes of its admin port', () => {
    expect(container.command).toEqual(['node', main]);
    expect(container.ports.map(({ containerPort }) => containerPort)).toEqual([grpcPort, adminPort]);
    const [live, ready] = [container.livenessProbe, container.readinessProbe];
    expect([live.httpGet, container.startupProbe.httpGet, ready.httpGet]).toEqual([
      { path: '/livez', port: 'admin' },
      { path: '/livez', port: 'admin' },
      { path: '/readyz', port: 'admin' },
    ]);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.limits.memory).toBeDefined();
  });

  test('is configured as it reads: every variable is known, and none that must be set is missing', async () => {
    const { fields } = (await import(`../../services/${name}/config.ts`)) as { fields: Fields };
    const known = new Set(Object.values(fields).map(({ variable }) => variable));
    const given = container.env.filter(({ name: variable }) => variable !== 'POD_IP');
    expect(given.map((one) => one.name).filter((variable) => !known.has(variable))).toEqual([]);
    const values = given
      .filter(({ valueFrom }) => valueFrom?.secretKeyRef?.optional !== true)
      .map((one) => [one.name, one.value ?? keys[one.valueFrom!.secretKeyRef!.key]] as const);
    const config = readConfig(fields, { ...shared, ...Object.fromEntries(values) });
    expect(config).toMatchObject({ grpcPort, adminPort, listenHost: '0.0.0.0' });
    const secret = new Set(Object.values(fields).flatMap((field) => (field.secret ? [field.variable] : [])));
    const inTheOpen = given.filter(
      (one) => secret.has(one.name) && one.valueFrom?.secretKeyRef?.name !== 'telegate-keys',
    );
    expect(inTheOpen).toEqual([]);
    // Otherwise it is killed while it drains.
    const { shutdownGrace } = config as { shutdownGrace: number };
    expect(pod.terminationGracePeriodSeconds! * 1_000).toBeGreaterThanOrEqual(shutdownGrace + 20_000);
  });

  test('is found by its name, and loses one replica at a time', () => {
    const labels = { 'app.kubernetes.io/name': name };
    expect(deployment.spec.template.metadata.labels).toMatchObject(labels);
    expect(deployment.spec.selector).toEqual({ matchLabels: labels });
    const service = of(name, 'Service');
    expect(service.metadata).toMatchObject({ name, namespace: 'telegate' });
    expect(service.spec.selector).toEqual(labels);
    // gRPC callers share calls among the addresses that the name has.
    expect(service.spec.clusterIP).toBe(name === 'gateway' ? undefined : 'None');
    const budget = of(name, 'PodDisruptionBudget');
    expect(budget.spec).toEqual({ maxUnavailable: 1, selector: { matchLabels: labels } });
    expect(deployment.spec.replicas).toBeGreaterThan(1);
  });
});

test('what they have in common is known to every process, but for telemetry', async () => {
  for (const { name } of services) {
    const { fields } = (await import(`../../services/${name}/config.ts`)) as { fields: Fields };
    const known = new Set(Object.values(fields).map(({ variable }) => variable));
    expect(
      Object.keys(shared).filter((variable) => !known.has(variable) && !variable.startsWith('OTEL_')),
    ).toEqual([]);
  }
});

test('the job migrates', () => {
  const [container] = of('migrate', 'Job').spec.template.spec.containers;
  expect(container.command).toEqual(['node', 'deploy/migrate.ts']);
  expect(container.env.map(({ name }) => name)).toEqual(['DATABASE_URL', 'NATS_URL']);
});
