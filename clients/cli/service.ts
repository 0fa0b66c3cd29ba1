import type { DescService } from '@bufbuild/protobuf';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { unlessInterrupted } from './interrupted.ts';
import type { Address, Place } from './place.ts';

/** One service of the mesh, at one or several addresses. */
export interface Service<S extends DescService> {
  readonly place: Place;
  /** A connection to one address, for streams; whoever opens it closes it. */
  connect(address: Address): Client<S>;
  /** The answer of the first address that gives one. */
  call<T>(ask: (client: Client<S>) => Promise<T>): Promise<T>;
}

/** No address answered. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly place: Place;

  constructor(place: Place, cause: unknown) {
    super(`No answer at ${place.addresses.map(({ target }) => target).join(', ')}.`, { cause });
    this.place = place;
  }
}

/** No call of a person takes longer; a mesh that hangs is said to. */
const CALL_LIMIT_MS = 10_000;

export function openService<S extends DescService>(service: S, place: Place, stop: AbortSignal): Service<S> {
  const connectTo = (address: Address): Client<S> =>
    connect(service, {
      address: address.target,
      apiKey: place.apiKey,
      defaultDeadlineMs: CALL_LIMIT_MS,
      ...(address.tls ? { tls: {} } : {}),
    });
  return {
    place,
    connect: connectTo,
    async call(ask) {
      let failure: unknown;
      for (const address of place.addresses) {
        const client = connectTo(address);
        try {
          return await unlessInterrupted(stop, ask(client));
        } catch (error) {
          if (!isUnreachable(service, error)) throw error;
          failure = error;
        } finally {
          client.close();
        }
      }
      throw new Unreachable(place, failure);
    },
  };
}

/** True when another address may answer: this one gave no answer of its own, or said that it stops. */
export function isUnreachable(service: DescService, error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  switch (error.reason) {
    case ErrorReason.GOING_AWAY:
      return true;
    case ErrorReason.DEPENDENCY_UNAVAILABLE:
      return error.metadata['dependency'] === service.name;
    case ErrorReason.DEADLINE_EXCEEDED:
      return error.metadata['limit'] === undefined;
    default:
      return false;
  }
}
