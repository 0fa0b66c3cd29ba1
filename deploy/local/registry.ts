/** A service that `npm start` runs. A new one joins the mesh by a line in `services`. */
export interface ServiceEntry {
  readonly name: string;
  /** Its port for callers, and the protocol spoken there. */
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly main: string;
}

export const services: readonly ServiceEntry[] = [
  { name: 'session-pool', grpcPort: 50_051, adminPort: 9_051, main: 'services/session-pool/main.ts' },
];

/** session-pool → session_pool: its name in mesh.json and in the names of its packages. */
export function endpointName(service: string): string {
  return service.replaceAll('-', '_');
}

export function portVariable(service: string, port: 'grpc' | 'admin'): string {
  return `${endpointName(service).toUpperCase()}_${port.toUpperCase()}_PORT`;
}
