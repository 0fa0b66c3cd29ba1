import { randomUUID } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command, type Invocation } from '../command.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { eventJson, eventLine, type HolderEvent } from '../lease/events.ts';
import { holdLease } from '../lease/holder.ts';
import type { HoldOutcome } from '../lease/stream.ts';
import { findSession, readSessionName } from '../named-session.ts';
import { Unreachable, type Service } from '../service.ts';
import { span, timeOfDay } from '../terminal/times.ts';
import { readDuration, readLabels, readMilliseconds } from '../values.ts';

const options = {
  session: { type: 'string', value: 'ID|NAME', doc: 'this session and no other' },
  label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a session with all of these labels' },
  method: {
    type: 'string',
    value: 'METHOD',
    doc: 'a session with no flood wait for it, as messages.sendMessage',
  },
  ttl: { type: 'string', value: '30s', doc: 'how long it lives without renewal: 5s to 1h (default: 30s)' },
  wait: {
    type: 'string',
    value: '1m',
    doc: 'queue so long when none is free: up to 1h (default: not at all)',
  },
  holder: { type: 'string', value: 'NAME', doc: 'shown to others who want it (default: you@this machine)' },
} as const;

export const lease = command({
  name: 'lease',
  summary: 'holds a session until Ctrl-C, renews it, and prints what happens',
  detail:
    'It survives broken connections and replicas that stop: it attaches again with the same token. When no\n' +
    'renewal was answered in time it says "suspended": whoever uses the session must stop. It goes on trying,\n' +
    'and says "resumed" or "lost".',
  operands: [],
  options,
  examples: [
    'telegate lease',
    'telegate lease --session support-1 --ttl 1m --wait 5m',
    'telegate lease --label team=support --method messages.sendMessage --json',
  ],
  async run(call) {
    const { values, service, clock, stop, out, caller } = call;
    const ttl = readDuration('--ttl', values.ttl);
    const wait = readDuration('--wait', values.wait);
    const labels = readLabels('--label', values.label);
    const pool = service(SessionPoolService);
    const selector = { ...(await namedBy(pool, values.session)), labels, forMethod: values.method ?? '' };
    const { addresses } = pool.place;
    const outcome = await holdLease({
      request: {
        selector,
        holder: values.holder ?? caller,
        // A repeat after a broken connection is given the lease that the first one got.
        requestId: randomUUID(),
        ...(ttl === undefined ? {} : { ttl }),
        ...(wait === undefined ? {} : { wait }),
      },
      waitMs: readMilliseconds('--wait', values.wait) ?? 0,
      addressCount: addresses.length,
      connect: (attempt) => pool.connect(addresses[attempt % addresses.length]!),
      clock,
      stop,
      random: Math.random,
      tell: teller(call),
    });
    out.standing('');
    return exitCodeOf(outcome, pool);
  },
});

async function namedBy(
  pool: Service<typeof SessionPoolService>,
  text: string | undefined,
): Promise<{ sessionId?: bigint; name?: string }> {
  if (text === undefined) return {};
  const named = readSessionName(text);
  if ('id' in named) return { sessionId: named.id };
  if ('name' in named) return { name: named.name };
  return { sessionId: (await findSession(pool, text)).sessionId };
}

function exitCodeOf(outcome: HoldOutcome, pool: Service<typeof SessionPoolService>): ExitCode {
  switch (outcome.kind) {
    case 'released':
      return exitCode.ok;
    case 'lost':
      return exitCode.refused;
    case 'withdrawn':
      return exitCode.interrupted;
    case 'unreleased':
      return exitCode.unreachable;
    case 'unreachable':
      throw new Unreachable(pool.place, outcome.error);
    case 'refused':
      throw outcome.error;
  }
}

/** Renewals, which are many, are a counter on a terminal and lines only as JSON. */
function teller({ out, clock }: Invocation<typeof options>): (event: HolderEvent) => void {
  let heldSince: number | undefined;
  let renewals = 0;
  return (event) => {
    const now = clock.now();
    out.event(
      () => eventJson(event, now),
      () => eventLine(event, now, out.paint),
    );
    if (event.kind !== 'heard') return;
    if (event.event.case === 'granted') {
      heldSince = clock.monotonic();
      out.standing(out.paint('dim', 'Ctrl-C releases.'));
    }
    if (event.event.case === 'renewed' && heldSince !== undefined) {
      renewals += 1;
      const held = span(clock.monotonic() - heldSince);
      const end = timeOfDay(timestampMs(event.event.value.expireTime!));
      const times = renewals === 1 ? 'once' : `${renewals} times`;
      out.standing(
        out.paint('dim', `held for ${held}, renewed ${times}, until ${end} unless renewed; Ctrl-C releases`),
      );
    }
  };
}
