import type { Fields } from '#lib/config/config.ts';
import type { Scope } from '#lib/lifecycle/process.ts';
import { startAdminServer, type Readiness } from '#lib/telemetry/admin.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';

/** What a process has of its own besides its fields. */
export type ScopeWith<Config> = Omit<Scope<Fields>, 'config'> & { readonly config: Config };

export interface AdminPort {
  readonly port: number;
  /** From now on the process is ready when this says so, until it stops. */
  readyWhen(check: () => Readiness): void;
}

/** The first that a process opens, and so the last that it closes: telemetry, and the port that tells how it does. */
export async function openAdminPort(
  scope: ScopeWith<{ listenHost: string; adminPort: number }>,
  waitingFor: string[],
): Promise<AdminPort> {
  const { name, version, config, env, log, onStop } = scope;
  const telemetry = startTelemetry({ service: name, version, env, log });
  onStop('telemetry', () => telemetry.shutdown());

  let readiness = (): Readiness => ({ ok: false, waitingFor });
  const admin = await startAdminServer({
    host: config.listenHost,
    port: config.adminPort,
    ready: () => readiness(),
    log,
  });
  onStop('admin server', () => admin.close());
  return {
    port: admin.port,
    readyWhen(check) {
      readiness = check;
      onStop('readiness', () => {
        readiness = () => ({ ok: false, waitingFor: ['the end of this process'] });
      });
    },
  };
}
