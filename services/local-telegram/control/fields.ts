import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { InvalidFields, NotFound } from '#lib/rpc/errors.ts';
import type { Telegram } from '../telegram.ts';
import type { Account, Channel, KeyRecord } from '../world/state.ts';

type TimestampInit = Pick<Timestamp, 'seconds' | 'nanos'> & { $typeName: 'google.protobuf.Timestamp' };

/** Epoch milliseconds, with their fraction. */
export function stamp(ms: number): TimestampInit {
  const seconds = Math.floor(ms / 1_000);
  const nanos = Math.min(999_999_999, Math.round((ms - 1_000 * seconds) * 1e6));
  return { $typeName: 'google.protobuf.Timestamp', seconds: BigInt(seconds), nanos };
}

export function stampOf(ms: number | undefined): TimestampInit | undefined {
  return ms === undefined ? undefined : stamp(ms);
}

export function msOf(time: Timestamp): number {
  return Number(time.seconds) * 1_000 + time.nanos / 1e6;
}

export function durationOf(ms: number): {
  $typeName: 'google.protobuf.Duration';
  seconds: bigint;
  nanos: number;
} {
  const seconds = Math.trunc(ms / 1_000);
  return {
    $typeName: 'google.protobuf.Duration',
    seconds: BigInt(seconds),
    nanos: Math.round((ms - 1_000 * seconds) * 1e6),
  };
}

export function invalid(field: string, description: string): InvalidFields {
  return new InvalidFields([{ field, description }]);
}

export function accountById({ world }: Telegram, text: string, field = 'account_id'): Account {
  const id = numberOf(text, field);
  const account = world.state.accounts.get(id);
  if (!account || account.isService) throw new NotFound('account', text);
  return account;
}

export function channelById({ world }: Telegram, text: string, field = 'channel_id'): Channel {
  const channel = world.state.channels.get(numberOf(text, field));
  if (!channel || channel.deleted) throw new NotFound('channel', text);
  return channel;
}

export function keyById(telegram: Telegram, text: string): KeyRecord {
  if (!/^[0-9a-f]{16}$/.test(text)) throw invalid('key_id', 'must be 16 hexadecimal digits in lower case');
  const key = telegram.key(text);
  if (!key) throw new NotFound('key', text);
  return key;
}

export function numberOf(text: string, field: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw invalid(field, 'must be an id: a positive decimal number');
  return Number(text);
}

/** The paths of a mask; none at all is refused, and those that can not be changed. */
export function maskPaths(mask: { paths: string[] } | undefined, allowed: readonly string[]): string[] {
  const paths = mask?.paths ?? [];
  if (paths.length === 0) throw invalid('update_mask', `must name what to change: ${allowed.join(', ')}`);
  for (const path of paths)
    if (!allowed.includes(path))
      throw invalid(
        'update_mask',
        `"${path.slice(0, 60)}" can not be changed; these can: ${allowed.join(', ')}`,
      );
  return paths;
}

export function textWithin(field: string, text: string, longest: number, shortest = 0): string {
  if (text.length < shortest || text.length > longest)
    throw invalid(field, `must have ${shortest} to ${longest} characters`);
  return text;
}
