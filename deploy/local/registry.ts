/** A service that `npm start` runs. A new one joins the mesh by a line in `services`. */
export interface ServiceEntry {
  readonly name: string;
  /** Its port for callers, and the protocol spoken there. */
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly main: string;
  /** Set for what runs only while no application of Telegram's own is named: its first port for MTProto. */
  readonly mtprotoPort?: number;
}

export const services: readonly ServiceEntry[] = [
  { name: 'session-pool', grpcPort: 50_051, adminPort: 9_051, main: 'services/session-pool/main.ts' },
  { name: 'account-auth', grpcPort: 50_052, adminPort: 9_052, main: 'services/account-auth/main.ts' },
  { name: 'messaging', grpcPort: 50_053, adminPort: 9_053, main: 'services/messaging/main.ts' },
  { name: 'proxy-registry', grpcPort: 50_054, adminPort: 9_054, main: 'services/proxy-registry/main.ts' },
  { name: 'engagement', grpcPort: 50_055, adminPort: 9_055, main: 'services/engagement/main.ts' },
  { name: 'gateway', grpcPort: 8_080, adminPort: 9_080, main: 'services/gateway/main.ts' },
];

/** The Telegram of this machine. */
export const localTelegram: ServiceEntry = {
  name: 'local-telegram',
  grpcPort: 50_060,
  adminPort: 9_060,
  main: 'services/local-telegram/main.ts',
  mtprotoPort: 4_430,
};

/** session-pool → session_pool: its name in mesh.json and in the names of its packages. */
export function endpointName(service: string): string {
  return service.replaceAll('-', '_');
}

/** What tells the other services where this one is: SESSION_POOL_ADDRESS. */
export function addressVariable(service: string): string {
  return `${endpointName(service).toUpperCase()}_ADDRESS`;
}

export function portVariable(service: string, port: 'grpc' | 'admin'): string {
  return `${endpointName(service).toUpperCase()}_${port.toUpperCase()}_PORT`;
}
