import { resolve } from 'node:path';
import type { Config, Field } from '#lib/config/config.ts';
import { describeConfig, integer, optionalText, readConfig } from '#lib/config/config.ts';
import {
  databaseUrl,
  listenHost,
  logLevel,
  masterKey,
  meshKey,
  natsUrl,
  operatorKey,
  reflection,
  shutdownGrace,
  startTimeout,
} from '#lib/config/shared.ts';
import { StartFailure } from './failure.ts';
import type { ServiceEntry } from './registry.ts';
import { portVariable } from './registry.ts';

const shared = {
  home: optionalText('TELEGATE_HOME', {
    doc: 'The folder of the embedded data, the keys and mesh.json.',
    whenUnset: '.telegate',
    maxLength: 4_096,
  }),
  databaseUrl: unsetAllowed(databaseUrl, 'unset: an embedded PostgreSQL'),
  natsUrl: unsetAllowed(
    natsUrl,
    'unset: nats-server if it is on PATH, else events travel through PostgreSQL',
  ),
  masterKey: unsetAllowed(masterKey, 'unset: made once'),
  meshKey: unsetAllowed(meshKey, 'unset: made once'),
  operatorKey: unsetAllowed(operatorKey, 'unset: made once'),
  operatorTenant: optionalText('TELEGATE_OPERATOR_TENANT', {
    doc: "The tenant that the operator's key belongs to, a UUID.",
    maxLength: 36,
  }),
  telegramApiId: optionalText('TELEGRAM_API_ID', {
    doc: 'With TELEGRAM_API_HASH: your application at my.telegram.org.',
  }),
  telegramApiHash: optionalText('TELEGRAM_API_HASH', {
    doc: 'With TELEGRAM_API_ID: your application at my.telegram.org.',
    secret: true,
  }),
  sessionsDir: optionalText('SESSIONS_DIR', {
    doc: 'A folder whose session files join the pool.',
    maxLength: 4_096,
  }),
  listenHost,
  reflection: { ...reflection, defaultText: 'on', parse: (raw) => reflection.parse(raw ?? 'on') },
  logLevel,
  startTimeout,
  shutdownGrace,
} satisfies Record<string, Field<unknown>>;

export interface ServicePorts {
  grpc: number;
  admin: number;
}

export type Settings = Config<typeof shared> & { ports: ReadonlyMap<string, ServicePorts> };

function unsetAllowed<T>(declared: Field<T>, defaultText: string): Field<T | undefined> {
  return {
    ...declared,
    defaultText,
    parse: (raw) => (raw === undefined ? undefined : declared.parse(raw)),
  };
}

function portFields(services: readonly ServiceEntry[]): Record<string, Field<number>> {
  return Object.fromEntries(
    services.flatMap(({ name, grpcPort, adminPort }) => [
      [
        portVariable(name, 'grpc'),
        integer(portVariable(name, 'grpc'), {
          doc: `Where ${name} serves gRPC; 0 takes a free port.`,
          default: grpcPort,
          min: 0,
          max: 65_535,
        }),
      ],
      [
        portVariable(name, 'admin'),
        integer(portVariable(name, 'admin'), {
          doc: `Where ${name} serves /livez, /readyz and /metrics; 0 takes a free port.`,
          default: adminPort,
          min: 0,
          max: 65_535,
        }),
      ],
    ]),
  );
}

/** Every fault of the environment at once, as a ConfigError. */
export function readSettings(services: readonly ServiceEntry[], env: NodeJS.ProcessEnv): Settings {
  const { values, ports } = splitPorts(services, readConfig({ ...shared, ...portFields(services) }, env));
  const missing =
    values.telegramApiId === undefined && values.telegramApiHash !== undefined
      ? ['TELEGRAM_API_ID', 'TELEGRAM_API_HASH']
      : values.telegramApiId !== undefined && values.telegramApiHash === undefined
        ? ['TELEGRAM_API_HASH', 'TELEGRAM_API_ID']
        : undefined;
  if (missing)
    throw new StartFailure(
      `${missing[0]} is not set but ${missing[1]} is. Set both, as https://my.telegram.org shows them under "API development tools", or neither.`,
    );
  return { ...values, ports };
}

function splitPorts(
  services: readonly ServiceEntry[],
  config: Config<typeof shared> & Record<string, unknown>,
): { values: Config<typeof shared>; ports: Map<string, ServicePorts> } {
  const ports = new Map(
    services.map(({ name }) => [
      name,
      {
        grpc: config[portVariable(name, 'grpc')] as number,
        admin: config[portVariable(name, 'admin')] as number,
      },
    ]),
  );
  return { values: config, ports };
}

export function describeSettings(services: readonly ServiceEntry[]): string {
  return describeConfig(
    'npm start',
    'runs the whole mesh on this machine, each service a process of its own.\n\n' +
      'Options, after "npm start --":\n' +
      '  --fresh           delete the embedded data and start from nothing; the keys are kept\n' +
      '  --ephemeral       free ports and a temporary folder that is removed at the end\n' +
      '  --mesh-file PATH  where to write what callers need to know (default: .telegate/mesh.json)\n' +
      '  --no-nats         do not start a nats-server even if one is on PATH\n' +
      '  --help            this text',
    { ...shared, ...portFields(services) },
  );
}

/** npm runs scripts in the package's folder; paths are meant from where the person is. */
export function fromWhereCalled(path: string, env: NodeJS.ProcessEnv): string {
  return resolve(env['INIT_CWD'] ?? process.cwd(), path);
}
