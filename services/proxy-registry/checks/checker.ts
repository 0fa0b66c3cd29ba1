import { ProxyStateSchema } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { QuotaExceeded } from '#lib/rpc/errors.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { DialError, type Socks5Egress } from '#lib/telegram/egress.ts';
import type { Address } from '#lib/telegram/material/material.ts';
import { addressFault } from '#lib/network/address.ts';
import { readPasswords } from '../proxies/passwords.ts';
import type { Registry } from '../registry.ts';
import { downBecause, findingOf, type Finding } from './model.ts';
import { reach } from './reach.ts';
import { recordFinding, type CheckTarget } from './store.ts';

export interface CheckSettings {
  /** Of the Telegram that proxies are to reach. */
  readonly dataCenter: Address;
  readonly timeoutMs: number;
  readonly slowAfterMs: number;
  readonly everyMs: number;
}

/** Checks that callers ask for, at a time and process; each has a socket. */
const CHECKS_AT_ONCE = 128;

const metrics = instruments((meter) => ({
  checks: meter.createCounter('telegate.proxy.checks', {
    description: 'Looks at proxies, by what was found.',
  }),
  latency: meter.createHistogram('telegate.proxy.latency', {
    unit: 's',
    description: 'How long a proxy took to reach a data centre of Telegram.',
  }),
}));

export interface Checker {
  /** Looks at a proxy and notes what it finds. Those who ask for the same one at once share the look. */
  check(target: CheckTarget): Promise<void>;
  /** The same for a caller: throws when too many are under way. */
  checkForCaller(target: CheckTarget): Promise<void>;
  readonly settings: CheckSettings;
}

export function createChecker(registry: Registry, settings: CheckSettings): Checker {
  const { clock, masterKeys, database } = registry;
  const underWay = new Map<string, Promise<void>>();

  async function look(target: CheckTarget): Promise<Finding> {
    const fault = addressFault(target.pinned_address, registry.settings.privateAddresses);
    if (fault !== undefined) return downBecause(`Its address ${fault}.`);
    try {
      const password = (await readPasswords(database.kysely, masterKeys, [target.proxy_id])).get(
        target.proxy_id,
      );
      const egress = egressOf(target, password);
      const reached = await reach(egress, settings.dataCenter, { clock, timeoutMs: settings.timeoutMs });
      metrics().latency.record(reached.latencyMs / 1_000);
      return findingOf(reached, settings.slowAfterMs);
    } catch (error) {
      if (error instanceof DialError) return downBecause(error.message);
      if (error instanceof SecretUndecryptable)
        return downBecause('Its password can not be decrypted: write it again.');
      throw error;
    }
  }

  async function lookAndRecord(target: CheckTarget): Promise<void> {
    const finding = await look(target);
    metrics().checks.add(1, {
      'telegate.state': ProxyStateSchema.value[finding.state]!.localName.toLowerCase(),
    });
    await recordFinding(registry, target, finding, settings.everyMs);
  }

  function check(target: CheckTarget): Promise<void> {
    const key = `${target.proxy_id}/${target.dial_revision}`;
    const running = underWay.get(key);
    if (running) return running;
    const started = lookAndRecord(target).finally(() => underWay.delete(key));
    underWay.set(key, started);
    return started;
  }

  return {
    settings,
    check,
    async checkForCaller(target) {
      if (underWay.size >= CHECKS_AT_ONCE)
        throw new QuotaExceeded(
          'proxy_checks',
          `${CHECKS_AT_ONCE} checks run on this replica. Try again, or wait for the one in the background.`,
          1_000,
        );
      await check(target);
    },
  };
}

function egressOf(target: CheckTarget, password: string | undefined): Socks5Egress {
  return {
    kind: 'socks5',
    proxyId: target.proxy_id,
    host: target.pinned_address,
    port: target.port,
    ...(target.username === '' ? {} : { username: target.username, password: password ?? '' }),
  };
}
