import { Metadata } from '@grpc/grpc-js';
import type { Client } from '#lib/rpc/client.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { ResponseStream } from '#lib/rpc/client-streams.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { DescMessage, DescService } from '@bufbuild/protobuf';
import { bridge, type Bridge } from './bridge.ts';
import { HealthService } from './grpc-descriptors.ts';
import type { MeshHealth } from './mesh-health.ts';

/** Of grpc.health.v1. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

const LOOK_EVERY_MS = 1_000;

interface Question {
  service: string;
}

/**
 * gRPC's health protocol, open to everybody: the empty name is this gateway, the others are the services behind it,
 * by the process that serves them.
 */
export function healthBridge(
  health: MeshHealth,
  processes: ReadonlyMap<string, string>,
  clock: Clock,
): Bridge {
  async function statusOf(service: string): Promise<number> {
    if (service === '') return SERVING;
    const process = processes.get(service);
    if (process === undefined) return SERVICE_UNKNOWN;
    return (await health.states()).get(process) === 'serving' ? SERVING : NOT_SERVING;
  }

  async function* changes(service: string, signal: AbortSignal): AsyncGenerator<{ status: number }> {
    let told: number | undefined;
    while (!signal.aborted) {
      const status = await statusOf(service);
      if (status !== told) yield { status };
      told = status;
      await pause(clock, LOOK_EVERY_MS, signal);
    }
  }

  const local = {
    async check({ service }: Question) {
      const status = await statusOf(service);
      if (status === SERVICE_UNKNOWN) throw new NotFound('service', service.slice(0, 200));
      return { status };
    },
    watch({ service }: Question, { parent }: CallOptions): ResponseStream<DescMessage> {
      const watched = changes(service, parent!.signal);
      return {
        opened: Promise.resolve(new Metadata()),
        cancel: () => undefined,
        [Symbol.asyncIterator]: () => watched,
      } as unknown as ResponseStream<DescMessage>;
    },
  };
  return bridge(HealthService, local as unknown as Client<DescService>, {
    open: ['check', 'watch'],
    longLived: ['watch'],
  });
}
