export interface FloodLimit {
  method: string;
  calls: number;
  windowMs: number;
  waitMs: number | undefined;
  perPeer: boolean;
}

/** Counts calls in sliding windows. */
export class FloodLimits {
  readonly limits: Map<string, FloodLimit> = new Map();
  readonly #counted = new Map<string, Map<string, number[]>>();

  set(limit: FloodLimit): void {
    this.limits.set(limit.method, limit);
    this.#counted.delete(limit.method);
  }

  delete(method: string): void {
    this.limits.delete(method);
    this.#counted.delete(method);
  }

  clear(): void {
    this.limits.clear();
    this.#counted.clear();
  }

  /** Counts a call; the seconds to wait when it is one too many, and then it is not counted. */
  strike(call: { method: string; accountId: number; peer: string }, now: number): number | undefined {
    if (this.limits.size === 0) return undefined;
    const applying = [this.limits.get(call.method), this.limits.get('*')].filter((one) => one !== undefined);
    const windows = applying.map((limit) => this.#window(limit, call, now));
    for (const [index, limit] of applying.entries()) {
      const times = windows[index]!;
      if (times.length < limit.calls) continue;
      const waitMs = limit.waitMs ?? times[times.length - limit.calls]! + limit.windowMs - now;
      return Math.max(1, Math.ceil(waitMs / 1_000));
    }
    for (const times of windows) times.push(now);
    return undefined;
  }

  #window(limit: FloodLimit, call: { accountId: number; peer: string }, now: number): number[] {
    let counted = this.#counted.get(limit.method);
    if (!counted) this.#counted.set(limit.method, (counted = new Map()));
    const key = limit.perPeer ? `${call.accountId}/${call.peer}` : String(call.accountId);
    let times = counted.get(key);
    if (!times) counted.set(key, (times = []));
    const kept = times.findIndex((time) => time > now - limit.windowMs);
    times.splice(0, kept === -1 ? times.length : kept);
    return times;
  }
}
