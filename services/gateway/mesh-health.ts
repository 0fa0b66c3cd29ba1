import type { Clock } from '#lib/lifecycle/clock.ts';
import { connect, type ConnectOptions } from '#lib/rpc/client.ts';
import { HealthService } from './grpc-descriptors.ts';

/** `stopping` also while it starts: it is there, and takes no calls. */
export type ServiceState = 'serving' | 'stopping' | 'unreachable';

/** The state of each process of the mesh, by its name. */
export type MeshHealth = {
  /** Asked anew at most once a second, however many ask; never rejects. */
  states(): Promise<ReadonlyMap<string, ServiceState>>;
  close(): void;
};

const FRESH_MS = 1_000;
const ANSWER_WITHIN_MS = 1_000;
/** SERVING of grpc.health.v1. */
const SERVING = 1;

interface HealthClient {
  check(request: { service: string }, options: { deadlineMs: number }): Promise<{ status: number }>;
  close(): void;
}

export function openMeshHealth(
  addresses: Readonly<Record<string, string>>,
  options: Omit<ConnectOptions, 'address'>,
  clock: Clock,
): MeshHealth {
  const { token: _, apiKey: __, ...anonymousOptions } = options;
  const clients = Object.entries(addresses).map(([name, address]): [string, HealthClient] => [
    name,
    connect(HealthService, { ...anonymousOptions, address }) as unknown as HealthClient,
  ]);
  let asked: Promise<ReadonlyMap<string, ServiceState>> | undefined;
  let askedAt = -Infinity;

  async function ask(): Promise<ReadonlyMap<string, ServiceState>> {
    const states = clients.map(async ([name, client]): Promise<[string, ServiceState]> => [
      name,
      await stateOf(client),
    ]);
    return new Map(await Promise.all(states));
  }

  return {
    states() {
      if (asked && clock.monotonic() - askedAt < FRESH_MS) return asked;
      askedAt = clock.monotonic();
      return (asked = ask());
    },
    close() {
      for (const [, client] of clients) client.close();
    },
  };
}

async function stateOf(client: HealthClient): Promise<ServiceState> {
  try {
    const { status } = await client.check({ service: '' }, { deadlineMs: ANSWER_WITHIN_MS });
    return status === SERVING ? 'serving' : 'stopping';
  } catch {
    return 'unreachable';
  }
}
