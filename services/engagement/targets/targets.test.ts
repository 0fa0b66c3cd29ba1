import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CampaignKind,
  CampaignState,
  PauseCause,
  TargetState,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { openDatabase } from '#lib/postgres/database.ts';
import {
  startEngagementMesh,
  WITHOUT_LIMITS,
  type EngagementClient,
  type EngagementMesh,
  type LoggedIn,
} from '../../../tests/support/engagement.ts';
import type { EngagementDatabase, EngagementTables } from '../tables.ts';
import { quiet } from '../test-engagement.ts';

const WAIT = { timeout: 15_000, interval: 50 };

let mesh: EngagementMesh;
let database: EngagementDatabase;
let tenantId: string;
let client: EngagementClient;
let accounts: LoggedIn[];

beforeAll(async () => {
  mesh = await startEngagementMesh({
    replicas: 2,
    env: { ...WITHOUT_LIMITS, TARGET_VERIFY_WHILE_RUNNING: '1s', TARGET_VERIFY_PER_MINUTE: '6000' },
  });
  database = openDatabase<EngagementTables>({
    url: mesh.pool.database.url,
    schema: 'engagement',
    poolSize: 2,
    applicationName: 'test',
    log: quiet,
  });
  tenantId = randomUUIDv7();
  client = mesh.client(tenantId);
  accounts = await mesh.accounts(tenantId, 2);
}, 180_000);
afterAll(async () => {
  await database.close();
  await mesh.stop();
});

async function registered() {
  const channel = await mesh.channel(accounts[1]!, 2);
  const { target } = await client.registerTarget({ channel: `https://t.me/${channel.username}` });
  return { channel, target: target! };
}

/** A channel whose creator is nobody of the tenant, and what the tenant's first account is in it. */
async function foreignChannel(role: ChannelRole, postMessages: boolean) {
  const { account: stranger } = await mesh.control.control.createAccount({
    account: { phone: `+1777${Math.trunc(performance.now() * 1_000) % 10_000_000}` },
  });
  const channel = await mesh.channel({ accountId: '', sessionId: 0n, userId: stranger!.accountId }, 1);
  await mesh.control.control.setMember({
    channelId: channel.channelId,
    accountId: accounts[0]!.userId,
    role,
    ...(role === ChannelRole.ADMIN ? { adminRights: { postMessages } } : {}),
  });
  return channel;
}

/** A target that the tenant's first account administers, as somebody who can be demoted. */
async function administered() {
  const channel = await foreignChannel(ChannelRole.ADMIN, true);
  const { target } = await client.registerTarget({ channel: channel.username });
  return { channel, target: target! };
}

describe('registering', () => {
  test('finds which account administers it, by link, username or @username, and once', async () => {
    const { channel, target } = await registered();
    expect(target).toMatchObject({
      state: TargetState.VERIFIED,
      channel: `channel:${channel.channelId}`,
      username: channel.username,
      linkedGroup: `channel:${channel.groupId}`,
      adminAccountId: accounts[1]!.accountId,
    });
    for (const name of [channel.username, `@${channel.username}`, `t.me/${channel.username}`])
      expect((await client.registerTarget({ channel: name })).target!.targetId).toBe(target.targetId);
    const both = await Promise.all([1, 2].map(() => client.registerTarget({ channel: channel.username })));
    expect(new Set(both.map((one) => one.target!.targetId)).size).toBe(1);
  });

  test.each([
    ['a member', ChannelRole.MEMBER, false],
    ['an administrator who may not post', ChannelRole.ADMIN, false],
  ])('%s does not do', async (_name, role, postMessages) => {
    const channel = await foreignChannel(role, postMessages);
    const error = await client
      .registerTarget({ channel: channel.username })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
      message: expect.stringContaining('Make one its administrator') as string,
    });
  });

  test('an administrator who may post does, and no other account when one is named', async () => {
    const channel = await foreignChannel(ChannelRole.ADMIN, true);
    await expect(
      client.registerTarget({ channel: channel.username, accountId: accounts[1]!.accountId }),
    ).rejects.toMatchObject({ reason: ErrorReason.TARGET_NOT_VERIFIED });
    const { target } = await client.registerTarget({
      channel: channel.username,
      accountId: accounts[0]!.accountId,
    });
    expect(target!.adminAccountId).toBe(accounts[0]!.accountId);
  });

  test('what is no channel, and a group, are refused', async () => {
    await expect(client.registerTarget({ channel: '' })).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
    });
    await expect(client.registerTarget({ channel: 'not a name!' })).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
    });
    await expect(client.registerTarget({ channel: 'nobody_has_this' })).rejects.toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
    });
  });

  test('a tenant without accounts is told what to do', async () => {
    const { channel } = await registered();
    const stranger = mesh.client(randomUUIDv7());
    await expect(stranger.registerTarget({ channel: channel.username })).rejects.toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
      message: expect.stringContaining('no account that is logged in') as string,
    });
  });
});

describe('rights that are lost', () => {
  test('lapse the target and pause its campaigns within seconds; verified again they can be resumed', async () => {
    const { channel, target } = await administered();
    const { targetId } = target;
    const { campaign } = await client.createCampaign({
      campaign: {
        targetId,
        kind: CampaignKind.VIEW,
        posts: { latest: 1 },
        accounts: { accountIds: accounts.map(({ accountId }) => accountId) },
        pace: { interval: durationFromMs(3_600_000), variation: 0 },
      },
    });
    const { campaignId } = campaign!;
    const setRole = (role: ChannelRole) =>
      mesh.control.control.setMember({ channelId: channel.channelId, accountId: accounts[0]!.userId, role });
    await setRole(ChannelRole.MEMBER);
    await expect
      .poll(async () => (await client.getCampaign({ campaignId })).campaign, WAIT)
      .toMatchObject({ state: CampaignState.PAUSED, pauseCause: PauseCause.TARGET_LAPSED });
    const { targets } = await client.listTargets({ state: TargetState.LAPSED });
    expect(targets.find((one) => one.targetId === targetId)!.stateReason).toMatch(/it is a member only/);
    await expect(client.resumeCampaign({ campaignId })).rejects.toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
    });
    await setRole(ChannelRole.ADMIN);
    expect((await client.verifyTarget({ targetId })).target!.state).toBe(TargetState.VERIFIED);
    // Nobody resumes it but its owner.
    expect((await client.getCampaign({ campaignId })).campaign!.state).toBe(CampaignState.PAUSED);
    expect((await client.resumeCampaign({ campaignId })).campaign!.state).toBe(CampaignState.RUNNING);
    await client.cancelCampaign({ campaignId });
  });

  test('are taken over by another account that administers it too', async () => {
    const { channel, target } = await administered();
    await mesh.control.control.setMember({
      channelId: channel.channelId,
      accountId: accounts[1]!.userId,
      role: ChannelRole.ADMIN,
    });
    await mesh.control.control.setMember({
      channelId: channel.channelId,
      accountId: accounts[0]!.userId,
      role: ChannelRole.MEMBER,
    });
    expect((await client.verifyTarget({ targetId: target.targetId })).target).toMatchObject({
      state: TargetState.VERIFIED,
      adminAccountId: accounts[1]!.accountId,
    });
  });

  test('a lapse, and its end, are published and audited once', async () => {
    const { channel, target } = await administered();
    const { targetId } = target;
    const setRole = (role: ChannelRole) =>
      mesh.control.control.setMember({ channelId: channel.channelId, accountId: accounts[0]!.userId, role });
    await setRole(ChannelRole.MEMBER);
    for (let time = 0; time < 2; time += 1)
      expect((await client.verifyTarget({ targetId })).target!.state).toBe(TargetState.LAPSED);
    await setRole(ChannelRole.ADMIN);
    for (let time = 0; time < 2; time += 1) await client.verifyTarget({ targetId });
    const { rows } = await sql<{ action: string }>`
      select action from audit where target_id = ${targetId} order by audit_id`.execute(database.kysely);
    expect(rows.map(({ action }) => action)).toEqual(['register_target', 'lapse_target', 'verify_target']);
  });
});

test('a process that starts asks about every target again', async () => {
  const { target } = await registered();
  await sql`
    update targets set verify_time = clock_timestamp() - interval '1 hour' where target_id = ${target.targetId}`.execute(
    database.kysely,
  );
  const more = await mesh.replica();
  await expect
    .poll(async () => {
      const { rows } = await sql<{ fresh: boolean }>`
        select verify_time > clock_timestamp() - interval '1 minute' as fresh from targets
        where target_id = ${target.targetId}`.execute(database.kysely);
      return rows[0]!.fresh;
    }, WAIT)
    .toBe(true);
  await more.stop();
});
