import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { parse } from 'yaml';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { CampaignSchema, type Campaign } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import type { Invocation } from '../command.ts';
import { Misuse } from '../misuse.ts';
import { findAccountId } from '../named-account.ts';
import { readCount, readEnum, readId, readLabels, readMilliseconds, readMoment } from '../values.ts';
import { findTargetId } from './targets.ts';
import { kinds } from './text.ts';

/** A campaign by options, by a file, or by a file and options that come before what it says. */
export const wishOptions = {
  file: { type: 'string', value: 'PATH', doc: 'a campaign in YAML or JSON; - reads the standard input' },
  target: { type: 'string', value: 'TARGET', doc: 'where: a registered channel, by @username or id' },
  kind: { type: 'string', value: 'KIND', doc: [...kinds.keys()].join(', ') },
  post: { type: 'string', value: 'NUMBER', multiple: true, doc: 'these posts' },
  latest: { type: 'string', value: 'COUNT', doc: 'or the newest so many' },
  upcoming: { type: 'boolean', doc: 'or those that appear while it runs' },
  account: { type: 'string', value: 'ACCOUNT', multiple: true, doc: 'these accounts: id, phone or name' },
  label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'or accounts with these labels' },
  count: { type: 'string', value: 'COUNT', doc: 'at most so many of the accounts' },
  start: { type: 'string', value: 'TIME', doc: 'when it begins: a time, or 2h from now' },
  end: { type: 'string', value: 'TIME', doc: 'when it ends, whatever is left' },
  interval: { type: 'string', value: '5m', doc: 'between two actions of an account' },
  variation: { type: 'string', value: '0.2', doc: 'random share of the interval, 0 to 0.9' },
  tone: { type: 'string', value: 'TONE', doc: 'comments: positive, neutral, critical or questioning' },
  language: { type: 'string', value: 'TAG', doc: "comments: as de (default: the post's)" },
  prompt: { type: 'string', value: 'TEXT', doc: 'comments: what a model is asked for' },
  template: {
    type: 'string',
    value: 'TEXT',
    multiple: true,
    doc: 'comments: a text with {one|another} variant',
  },
  reaction: { type: 'string', value: 'EMOJI[=WEIGHT]', multiple: true, doc: 'reactions, drawn by weight' },
} as const;

export const WISH_HELP =
  'A file holds a campaign with the names of the contract (docs/api.md), and "target" for its channel:\n' +
  '  target: "@news"\n  kind: comment\n  posts: { latest: 3 }\n  accounts: { labels: { team: support } }\n' +
  '  comments: { templates: ["{Thanks|Thank you} for this!"] }\n  pace: { interval: 300s }';

const MAX_BYTES = 262_144;
const MAX_POSTS = 500;

export async function readWish(call: Invocation<typeof wishOptions>): Promise<Campaign> {
  const { values, service, clock } = call;
  const written = values.file === undefined ? {} : await readFileWish(call, values.file);
  const { target: named, ...fields } = written;
  const campaign = decoded({
    ...fields,
    ...(typeof fields['kind'] === 'string' ? { kind: kindName(fields['kind']) } : {}),
  });
  campaign.kind = readEnum('--kind', values.kind, kinds) ?? campaign.kind;
  const target = values.target ?? (typeof named === 'string' ? named : undefined);
  if (target !== undefined) campaign.targetId = await findTargetId(service(EngagementService), target);
  setPosts(campaign, call);
  await setAccounts(campaign, call);
  const now = clock.now();
  const pace = {
    startTime: readMoment('--start', values.start, now),
    endTime: readMoment('--end', values.end, now),
    interval:
      values.interval === undefined
        ? undefined
        : durationFromMs(readMilliseconds('--interval', values.interval)!),
    variation: readShare('--variation', values.variation),
  };
  setParts(campaign, 'pace', pace);
  setParts(campaign, 'comments', {
    tone: values.tone,
    language: values.language,
    prompt: values.prompt,
    templates: values.template,
  });
  if (values.reaction !== undefined)
    campaign.reactions = decoded({ reactions: values.reaction.map(readReaction) }).reactions;
  if (campaign.targetId === '' || campaign.kind === 0)
    throw new Misuse('A campaign needs --target and --kind, or a --file that names them.');
  return campaign;
}

async function readFileWish(
  { readInput }: Invocation<typeof wishOptions>,
  path: string,
): Promise<Record<string, JsonValue>> {
  let value: unknown;
  try {
    value = parse((await readInput(path, MAX_BYTES)).toString('utf8'), { maxAliasCount: 10 });
  } catch (error) {
    if (error instanceof Misuse) throw error;
    throw new Misuse(`--file: ${path} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Misuse(`--file: ${path} must hold the fields of a campaign.`);
  return value as Record<string, JsonValue>;
}

function decoded(json: JsonValue): Campaign {
  try {
    return fromJson(CampaignSchema, json);
  } catch (error) {
    throw new Misuse(`The campaign can not be read: ${(error as Error).message}.`);
  }
}

function kindName(text: string): string {
  return kinds.has(text.toLowerCase()) ? `CAMPAIGN_KIND_${text.toUpperCase()}` : text;
}

function setPosts(campaign: Campaign, { values }: Invocation<typeof wishOptions>): void {
  const ways = [values.post, values.latest, values.upcoming].filter((one) => one !== undefined).length;
  if (ways === 0) return;
  if (ways > 1) throw new Misuse('Only one of --post, --latest and --upcoming chooses the posts.');
  campaign.posts = decoded({
    posts: {
      postIds: (values.post ?? []).map((text) => String(readId('--post', text))),
      latest:
        values.latest === undefined
          ? 0
          : readCount('--latest', values.latest, { max: MAX_POSTS, byDefault: 0 }),
      upcoming: values.upcoming === true,
    },
  }).posts!;
}

/** Accounts are named as people know them, in options and in files. */
async function setAccounts(
  campaign: Campaign,
  { values, service }: Invocation<typeof wishOptions>,
): Promise<void> {
  if (values.account !== undefined && values.label !== undefined)
    throw new Misuse('Only one of --account and --label chooses the accounts.');
  const count = readCount('--count', values.count, {
    max: 1_000,
    byDefault: campaign.accounts?.maxCount ?? 0,
  });
  const names = values.account ?? (values.label === undefined ? (campaign.accounts?.accountIds ?? []) : []);
  const labels =
    values.label === undefined ? (campaign.accounts?.labels ?? {}) : readLabels('--label', values.label);
  const accountIds: string[] = [];
  for (const name of names) accountIds.push(await findAccountId(() => service(AccountAuthService), name));
  campaign.accounts = decoded({
    accounts: { accountIds, labels: values.account === undefined ? labels : {}, maxCount: count },
  }).accounts!;
}

function setParts(
  campaign: Campaign,
  key: 'pace' | 'comments',
  parts: Readonly<Record<string, unknown>>,
): void {
  const given = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return;
  campaign.pace ??= key === 'pace' ? decoded({ pace: {} }).pace : undefined;
  campaign.comments ??= key === 'comments' ? decoded({ comments: {} }).comments : undefined;
  Object.assign(campaign[key]!, given);
}

function readShare(option: string, raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined;
  if (!/^0(?:\.\d{1,4})?$/.test(raw)) throw new Misuse(`${option} must be a number from 0 to 0.9.`);
  return Number(raw);
}

function readReaction(text: string): { emoji: string; weight: number } {
  const [, emoji, weight = '1'] = /^(.+?)(?:=(\d{1,6}))?$/u.exec(text) ?? [];
  if (emoji === undefined)
    throw new Misuse('--reaction must be an emoji, with a weight as 👍=3 if you like.');
  return { emoji, weight: Number(weight) };
}
