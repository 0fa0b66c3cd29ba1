import type { Field } from './config.ts';
import { everyCall, type CallShare } from '#lib/telemetry/call-share.ts';
import { choice, duration, field, integer, optionalText, required, text } from './config.ts';

export const databaseUrl: Field<string> = field('DATABASE_URL', {
  doc: 'The PostgreSQL server, as postgres://user:password@host:port/database.',
  secret: true,
  read: (raw) => urlOf(raw, ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/telegate'),
  unset: required,
});

export const natsUrl: Field<string | undefined> = field<string | undefined>('NATS_URL', {
  doc: 'The NATS server with JetStream that carries events, as nats://host:4222. Unset: events travel through PostgreSQL.',
  secret: true,
  defaultText: 'unset',
  read: (raw) => {
    for (const server of raw.split(',')) urlOf(server.trim(), ['nats:', 'tls:'], 'nats://host:4222');
    return raw;
  },
  unset: () => undefined,
});

export function grpcPort(port: number): Field<number> {
  return integer('GRPC_PORT', {
    doc: 'Where gRPC is served; 0 takes a free port.',
    default: port,
    min: 0,
    max: 65_535,
  });
}

export function adminPort(port: number): Field<number> {
  return integer('ADMIN_PORT', {
    doc: 'Where /livez, /readyz and /metrics are served; 0 takes a free port.',
    default: port,
    min: 0,
    max: 65_535,
  });
}

export const listenHost: Field<string> = text('LISTEN_HOST', {
  doc: 'The address that is listened on; 0.0.0.0 or :: is every interface.',
  default: '127.0.0.1',
  maxLength: 253,
});

/** The first key signs; all of them verify, so that keys can be changed without a gap. */
export const meshKey: Field<readonly Buffer[]> = field<readonly Buffer[]>('TELEGATE_MESH_KEY', {
  doc: 'Signs the tokens that services of the mesh show each other: base64 of at least 32 random bytes. Several, separated by commas, are accepted; the first signs.',
  secret: true,
  read: (raw) =>
    raw.split(',').map((item, index) => {
      const key = base64(item.trim());
      if (key === undefined)
        throw new Error(`key ${index + 1} is not base64; make one with: openssl rand -base64 32`);
      if (key.length < 32)
        throw new Error(`key ${index + 1} has ${key.length} bytes; at least 32 are needed`);
      return key;
    }),
  unset: required,
});

export interface MasterKeys {
  /** The version that encrypts; the others only decrypt. */
  readonly current: number;
  readonly keys: ReadonlyMap<number, Buffer>;
}

export const masterKey: Field<MasterKeys> = field<MasterKeys>('TELEGATE_MASTER_KEY', {
  doc: 'Encrypts session keys: version:base64 of 32 random bytes, as 1:AAAA…=. Several, separated by commas, are accepted; the first encrypts, the others only decrypt.',
  secret: true,
  read: readMasterKeys,
  unset: required,
});

function readMasterKeys(raw: string): MasterKeys {
  const keys = new Map<number, Buffer>();
  for (const [index, item] of raw.split(',').entries()) {
    const at = `key ${index + 1}`;
    const match = /^(\d{1,9}):(.*)$/.exec(item.trim());
    if (!match) throw new Error(`${at} must look like version:base64, as 1:AAAA…=`);
    const version = Number(match[1]);
    if (version < 1) throw new Error(`${at} has version 0; versions start at 1`);
    if (keys.has(version)) throw new Error(`${at} repeats version ${version}`);
    const key = base64(match[2] ?? '');
    if (key === undefined)
      throw new Error(`${at} (version ${version}) is not base64; make one with: openssl rand -base64 32`);
    if (key.length !== 32)
      throw new Error(`${at} (version ${version}) has ${key.length} bytes; exactly 32 are needed`);
    keys.set(version, key);
  }
  const [current] = keys.keys();
  return { current: current ?? required(), keys };
}

export const operatorKey: Field<string> = field('TELEGATE_OPERATOR_KEY', {
  doc: "The API key of the deployment's operator, at least 22 characters without blanks.",
  secret: true,
  read: (raw) => {
    if (/\s/.test(raw)) throw new Error('has a blank or a line break in it');
    if (raw.length < 22) throw new Error(`has ${raw.length} characters; at least 22 are needed`);
    if (raw.length > 512) throw new Error(`has ${raw.length} characters; at most 512 are allowed`);
    return raw;
  },
  unset: required,
});

export const operatorTenant: Field<string | undefined> = optionalText('TELEGATE_OPERATOR_TENANT', {
  doc: "The tenant that the operator's key belongs to, a UUID.",
  maxLength: 36,
});

/** For every process but account-auth itself: who calls is known there. */
export const accountAuthAddress: Field<string> = text('ACCOUNT_AUTH_ADDRESS', {
  doc: 'Where account-auth serves gRPC: host:port, or a gRPC target such as dns:///account-auth:50052. The process starts without it.',
  default: '127.0.0.1:50052',
  maxLength: 512,
});

export const shutdownGrace: Field<number> = duration('SHUTDOWN_GRACE', {
  doc: 'How long running calls may take to finish when the process is told to stop.',
  default: '10s',
  min: '0s',
  max: '10m',
});

export const startTimeout: Field<number> = duration('START_TIMEOUT', {
  doc: 'How long the process waits at its start for the database, its migrations and the other services.',
  default: '60s',
  min: '1s',
  max: '1h',
});

export const tlsCertFile: Field<string | undefined> = optionalText('TLS_CERT_FILE', {
  doc: 'The certificate (PEM, with its chain) that the gRPC port shows; needs TLS_KEY_FILE. Unset: no TLS.',
  maxLength: 4_096,
});

export const tlsKeyFile: Field<string | undefined> = optionalText('TLS_KEY_FILE', {
  doc: 'The private key (PEM) of TLS_CERT_FILE.',
  maxLength: 4_096,
});

export const tlsClientCaFile: Field<string | undefined> = optionalText('TLS_CLIENT_CA_FILE', {
  doc: 'The authorities (PEM) whose client certificates are accepted; set, every caller must show one. Needs TLS_CERT_FILE.',
  maxLength: 4_096,
});

export const meshCaFile: Field<string | undefined> = optionalText('MESH_CA_FILE', {
  doc: 'The authority (PEM) of the other services of the mesh; set, they are called over TLS.',
  maxLength: 4_096,
});

export const meshCertFile: Field<string | undefined> = optionalText('MESH_CERT_FILE', {
  doc: 'With MESH_CA_FILE and MESH_KEY_FILE: the certificate (PEM) shown to the other services.',
  maxLength: 4_096,
});

export const meshKeyFile: Field<string | undefined> = optionalText('MESH_KEY_FILE', {
  doc: 'The private key (PEM) of MESH_CERT_FILE.',
  maxLength: 4_096,
});

export const reflection = choice('REFLECTION', {
  doc: 'Who may list the services and their messages over gRPC reflection.',
  values: ['on', 'authenticated', 'off'],
  default: 'authenticated',
});

export const logCalls: Field<CallShare> = field<CallShare>('LOG_CALLS', {
  doc: 'Which calls get a line of their own: all, failed (whose code is not OK), none, or the share of those that succeed that do, as 5%, besides all that failed. A call is logged by every process it comes through or by none.',
  defaultText: 'all',
  read: (raw) => {
    if (raw === 'all') return everyCall;
    if (raw === 'failed') return { succeeded: 0, failed: true };
    if (raw === 'none') return { succeeded: 0, failed: false };
    const percent = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(raw)?.[1];
    if (percent === undefined || Number(percent) > 100)
      throw new Error('must be all, failed, none or a share like 5%');
    return { succeeded: Number(percent) / 100, failed: true };
  },
  unset: () => everyCall,
});

export const logLevel = choice('LOG_LEVEL', {
  doc: 'The least severe lines that are logged.',
  values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  default: 'info',
});

function urlOf(raw: string, protocols: readonly string[], example: string): string {
  const url = URL.parse(raw.trim());
  if (!url || !protocols.includes(url.protocol) || (url.hostname === '' && !url.searchParams.has('host')))
    throw new Error(`must be a URL like ${example}`);
  return raw.trim();
}

function base64(raw: string): Buffer | undefined {
  if (raw === '' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(raw)) return undefined;
  return Buffer.from(raw, 'base64');
}
