import { STOP_ON_STDIN_END } from '#lib/lifecycle/process.ts';
import type { Keys } from './make-keys.ts';
import { localTelegram, portVariable, services } from './registry.ts';
import type { ServicePorts, Settings } from './settings.ts';

export interface ServiceEnvironment {
  env: NodeJS.ProcessEnv;
  settings: Settings;
  keys: Keys;
  ports: ServicePorts;
  databaseUrl: string;
  natsUrl: string | undefined;
  sessionsDir: string;
  /** Where the services of the mesh find each other, by variable. */
  addresses: Record<string, string>;
  /** More, for one service alone. */
  own?: Record<string, string>;
}

/** Variables of the launcher, and of npm around it, that mean nothing to a service. */
function isForeign(name: string): boolean {
  return (
    name.startsWith('npm_') ||
    name === 'TELEGATE_HOME' ||
    name === 'INIT_CWD' ||
    [...services, localTelegram].some((service) =>
      [portVariable(service.name, 'grpc'), portVariable(service.name, 'admin')].includes(name),
    )
  );
}

/** What a service gets: the person's own variables, and what the launcher has decided. */
export function serviceEnvironment(options: ServiceEnvironment): NodeJS.ProcessEnv {
  const { settings, keys, ports, env } = options;
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !isForeign(name)));
  return {
    ...inherited,
    ...keys,
    DATABASE_URL: options.databaseUrl,
    NATS_URL: options.natsUrl,
    GRPC_PORT: String(ports.grpc),
    ADMIN_PORT: String(ports.admin),
    LISTEN_HOST: settings.listenHost,
    REFLECTION: settings.reflection,
    ...options.addresses,
    SESSIONS_DIR: options.sessionsDir,
    ...options.own,
    [STOP_ON_STDIN_END]: '1',
  };
}
