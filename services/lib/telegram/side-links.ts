import { Api } from './client.ts';
import type { Route } from './breakers.ts';
import { asDomainError } from './call-failure.ts';
import { DialError } from './egress.ts';
import type { CallLimits, Link } from './link.ts';
import { createPipeline, type LinkSource, type Pipeline, type PipelineParts } from './pipeline.ts';

export interface SideLinkOptions {
  readonly parts: Omit<PipelineParts, 'links'>;
  enter(dataCenter: number): Route;
  /** Under a key made for it. */
  open(dataCenter: number, route: Route, limits: CallLimits): Promise<Link>;
  exportTo(dataCenter: number, limits: CallLimits): Promise<Api.auth.ExportedAuthorization>;
}

/** A link that nobody used for so long is closed. */
const IDLE_MS = 60_000;

/** An account's links to data centres that are not its home, each under a key of its own: for files. */
export class SideLinks {
  readonly #options: SideLinkOptions;
  readonly #sides = new Map<number, Side>();

  constructor(options: SideLinkOptions) {
    this.#options = options;
  }

  get running(): number {
    let running = 0;
    for (const { pipeline } of this.#sides.values()) running += pipeline.running;
    return running;
  }

  to(dataCenter: number): Pipeline {
    const known = this.#sides.get(dataCenter);
    if (known) return known.pipeline;
    const side = new Side(dataCenter, this.#options);
    this.#sides.set(dataCenter, side);
    this.#closeWhenIdle(dataCenter, side);
    return side.pipeline;
  }

  /** The key of an authorised link. The link is closed, so that nobody else is on the key. */
  async keyAt(dataCenter: number, limits: CallLimits): Promise<Buffer> {
    const side = new Side(dataCenter, this.#options);
    try {
      return (await side.connect(limits)).authKey;
    } finally {
      await side.close();
    }
  }

  async close(): Promise<void> {
    const sides = [...this.#sides.values()];
    this.#sides.clear();
    await Promise.all(sides.map((side) => side.close()));
  }

  #closeWhenIdle(dataCenter: number, side: Side): void {
    this.#options.parts.clock.setTimer(IDLE_MS, () => {
      if (this.#sides.get(dataCenter) !== side) return;
      if (side.wasUsed()) return this.#closeWhenIdle(dataCenter, side);
      this.#sides.delete(dataCenter);
      void side.close();
    });
  }
}

class Side implements LinkSource {
  readonly route: Route;
  readonly pipeline: Pipeline;
  readonly #dataCenter: number;
  readonly #options: SideLinkOptions;
  readonly #closed = new AbortController();
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;
  #isUsed = false;

  constructor(dataCenter: number, options: SideLinkOptions) {
    this.#dataCenter = dataCenter;
    this.#options = options;
    this.route = options.enter(dataCenter);
    this.pipeline = createPipeline({ ...options.parts, links: this });
  }

  get link(): Link | undefined {
    this.#isUsed = true;
    return this.#link;
  }

  /** Since it was asked last. */
  wasUsed(): boolean {
    const used = this.#isUsed || this.pipeline.running > 0;
    this.#isUsed = false;
    return used;
  }

  connect(limits: CallLimits): Promise<Link> {
    return (this.#opening ??= this.#open(limits).finally(() => (this.#opening = undefined)));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.route.leave();
    await this.#opening?.catch(() => undefined);
    await this.#link?.close();
  }

  async #open({ deadlineMs, signal: given }: CallLimits): Promise<Link> {
    const { open, exportTo, parts } = this.#options;
    const { guard } = parts;
    // Nothing else would close a link that is being opened when the lease is lost.
    const signal = AbortSignal.any([this.#closed.signal, guard.lost, ...(given ? [given] : [])]);
    const limits = { deadlineMs, signal };
    let link: Link | undefined;
    try {
      this.route.check();
      link = await open(this.#dataCenter, this.route, limits);
      const { id, bytes } = await exportTo(this.#dataCenter, limits);
      await link.invoke(new Api.auth.ImportAuthorization({ id, bytes }), limits);
      signal.throwIfAborted();
      this.#link = link;
      void link.closed.then(() => (this.#link = undefined));
      return link;
    } catch (error) {
      await link?.close();
      if (error instanceof DialError) this.route.failed(error.blame);
      throw asDomainError(error, { dataCenter: this.#dataCenter });
    }
  }
}
