import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';

export type PoolClient = Client<typeof SessionPoolService>;

/** The pool's replicas, of which one is asked until it fails. */
export class Replicas {
  readonly #clients: readonly PoolClient[];
  #index = 0;

  constructor(clients: readonly PoolClient[]) {
    if (clients.length === 0) throw new RangeError('at least one replica of the pool is needed');
    this.#clients = clients;
  }

  get count(): number {
    return this.#clients.length;
  }

  get current(): PoolClient {
    return this.#clients[this.#index % this.#clients.length]!;
  }

  /** Whoever else found it out before has moved on already. */
  leave(failed: PoolClient): void {
    if (failed === this.current) this.#index += 1;
  }
}
