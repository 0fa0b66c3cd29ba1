import { expired, within } from '#lib/lifecycle/clock.ts';
import type { Registry } from '../registry.ts';
import { addressFault, type Host } from '#lib/network/address.ts';

const LOOK_UP_MS = 5_000;

export type Pinned = { address: string } | { fault: string };

/**
 * The address that a host is dialled at from now on. A name of which any address is refused is refused: whoever
 * owns it could give another answer to another machine.
 */
export async function pin(
  { lookUp, clock, settings }: Pick<Registry, 'lookUp' | 'clock' | 'settings'>,
  host: Exclude<Host, { kind: 'fault' }>,
): Promise<Pinned> {
  if (host.kind === 'address') {
    const fault = addressFault(host.host, settings.privateAddresses);
    return fault === undefined ? { address: host.host } : { fault };
  }
  const answer = await within(
    clock,
    LOOK_UP_MS,
    lookUp(host.host).catch(() => []),
  ).then((found) => (found === expired ? undefined : found));
  if (answer === undefined)
    return { fault: `is a name that did not resolve within ${LOOK_UP_MS / 1_000} s; try again` };
  const [first] = answer;
  if (first === undefined)
    return { fault: 'is a name that does not resolve; correct it, or send an IP address' };
  for (const address of answer) {
    const fault = addressFault(address, settings.privateAddresses);
    if (fault !== undefined) return { fault: `is a name whose address ${fault}` };
  }
  return { address: first };
}

/** Look-ups take a thread each of the few that a process has. */
const LOOK_UPS_AT_ONCE = 8;

/** By host name, each asked once; those that there was no time for are missing. */
export async function pinAll(
  registry: Pick<Registry, 'lookUp' | 'clock' | 'settings'>,
  hosts: Iterable<Exclude<Host, { kind: 'fault' }>>,
  limitMs: number,
): Promise<Map<string, Pinned>> {
  const pinned = new Map<string, Pinned>();
  const names: Extract<Host, { kind: 'name' }>[] = [];
  const seen = new Set<string>();
  for (const host of hosts) {
    if (seen.has(host.host)) continue;
    seen.add(host.host);
    if (host.kind === 'name') names.push(host);
    else pinned.set(host.host, await pin(registry, host));
  }
  const deadline = registry.clock.monotonic() + limitMs;
  async function work(): Promise<void> {
    for (let next = names.pop(); next && registry.clock.monotonic() < deadline; next = names.pop())
      pinned.set(next.host, await pin(registry, next));
  }
  await Promise.all(Array.from({ length: LOOK_UPS_AT_ONCE }, work));
  return pinned;
}
