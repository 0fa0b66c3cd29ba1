import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { connect, type Client, type ClientTls } from '#lib/rpc/client.ts';

export type MessagingClient = Client<typeof MessagingService>;

export interface PeerOptions {
  readonly token: (caller: Principal | undefined) => Promise<string>;
  readonly tls: ClientTls | undefined;
  readonly clock: Clock;
}

/** One that did not answer is left out for so long, also while it still counts as alive. */
const SUSPECTED_MS = 5_000;
const MOST_CLIENTS = 200;

/** The other processes of messaging. */
export class Peers {
  readonly #options: PeerOptions;
  readonly #clients = new Map<string, MessagingClient>();
  readonly #suspectedUntil = new Map<string, number>();

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  at(address: string): MessagingClient {
    const known = this.#clients.get(address);
    if (known) return known;
    const { token, tls } = this.#options;
    const client = connect(MessagingService, { address, token, ...(tls ? { tls } : {}) });
    if (this.#clients.size >= MOST_CLIENTS) {
      const [oldest] = this.#clients;
      this.#clients.delete(oldest![0]);
      oldest![1].close();
    }
    this.#clients.set(address, client);
    return client;
  }

  suspect(processId: string): void {
    const now = this.#options.clock.monotonic();
    for (const [id, until] of this.#suspectedUntil) if (until <= now) this.#suspectedUntil.delete(id);
    this.#suspectedUntil.set(processId, now + SUSPECTED_MS);
  }

  isSuspected(processId: string): boolean {
    return (this.#suspectedUntil.get(processId) ?? 0) > this.#options.clock.monotonic();
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
