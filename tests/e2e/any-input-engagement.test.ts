import { randomUUIDv7 } from 'node:crypto';
import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CampaignKind } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { EngagementService, KillSwitchScope } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { faultless } from '../support/any-input.ts';
import {
  startEngagementMesh,
  WITHOUT_LIMITS,
  type EngagementClient,
  type EngagementMesh,
  type LoggedIn,
  type TestChannel,
} from '../support/engagement.ts';

type Method = keyof typeof EngagementService.method;

let mesh: EngagementMesh;
let theirs: {
  tenantId: string;
  client: EngagementClient;
  account: LoggedIn;
  channel: TestChannel;
  targetId: string;
  campaignId: string;
};

beforeAll(async () => {
  mesh = await startEngagementMesh({ env: WITHOUT_LIMITS });
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const [account] = await mesh.accounts(tenantId, 1);
  const channel = await mesh.channel(account!, 2);
  const { target } = await client.registerTarget({ channel: channel.username });
  const { targetId } = target!;
  theirs = { tenantId, client, account: account!, channel, targetId, campaignId: '' };
  const { campaign } = await client.createCampaign({ campaign: campaignOf(account!.accountId) });
  theirs.campaignId = campaign!.campaignId;
}, 180_000);
afterAll(() => mesh.stop());

function campaignOf(accountId: string) {
  return {
    targetId: theirs.targetId,
    kind: CampaignKind.VIEW,
    posts: { latest: 2 },
    accounts: { accountIds: [accountId] },
    pace: { interval: durationFromMs(3_600_000), variation: 0 },
  };
}

/** One row a method: how a stranger would reach for what is not theirs, and what they may see of it. */
const reaches: Record<Method, (stranger: EngagementClient) => Promise<unknown>> = {
  registerTarget: (stranger) =>
    stranger.registerTarget({ channel: theirs.channel.username, accountId: theirs.account.accountId }),
  verifyTarget: (stranger) => stranger.verifyTarget({ targetId: theirs.targetId }),
  createCampaign: (stranger) => stranger.createCampaign({ campaign: campaignOf(theirs.account.accountId) }),
  previewCampaign: (stranger) => stranger.previewCampaign({ campaign: campaignOf(theirs.account.accountId) }),
  getCampaign: (stranger) => stranger.getCampaign({ campaignId: theirs.campaignId }),
  pauseCampaign: (stranger) => stranger.pauseCampaign({ campaignId: theirs.campaignId }),
  resumeCampaign: (stranger) => stranger.resumeCampaign({ campaignId: theirs.campaignId }),
  cancelCampaign: (stranger) => stranger.cancelCampaign({ campaignId: theirs.campaignId }),
  async watchCampaign(stranger) {
    for await (const { campaign } of stranger.watchCampaign({ campaignId: theirs.campaignId }))
      return campaign;
    return undefined;
  },
  // These name nothing of theirs, or filter by it: a stranger sees nothing.
  listTargets: async (stranger) => sees((await stranger.listTargets({})).targets),
  listCampaigns: async (stranger) => [
    sees((await stranger.listCampaigns({})).campaigns),
    sees((await stranger.listCampaigns({ targetId: theirs.targetId })).campaigns),
  ],
  listActions: async (stranger) => [
    sees((await stranger.listActions({})).actions),
    sees((await stranger.listActions({ campaignId: theirs.campaignId })).actions),
  ],
  // A stranger's switch is the stranger's own.
  async setKillSwitch(stranger) {
    await stranger.setKillSwitch({ scope: KillSwitchScope.TENANT, on: true });
    const { tenant } = await theirs.client.getKillSwitch({});
    return tenant!.on ? 'another tenant was stopped' : 'nothing';
  },
  async getKillSwitch(stranger) {
    await theirs.client.setKillSwitch({ scope: KillSwitchScope.TENANT, on: true, reason: 'a secret' });
    const { tenant } = await stranger.getKillSwitch({});
    await theirs.client.setKillSwitch({ scope: KillSwitchScope.TENANT, on: false });
    return tenant!.on ? 'the switch of another tenant' : 'nothing';
  },
  getLimits: async (stranger) =>
    JSON.stringify((await stranger.getLimits({})).limits?.raised.map(({ name }) => name)).includes(
      theirs.tenantId,
    )
      ? 'a tenant'
      : 'nothing',
};

function sees(things: readonly unknown[]): string {
  return things.length === 0 ? 'nothing' : `${things.length} things of another tenant`;
}

test.each(Object.keys(reaches) as Method[])(
  '%s: what belongs to another tenant is not there',
  async (method) => {
    const outcome = await reaches[method](mesh.client(randomUUIDv7())).catch(
      (error: { reason?: ErrorReason; message: string }) => error,
    );
    const found = outcome instanceof Error ? (outcome as { reason?: ErrorReason }).reason : outcome;
    expect([ErrorReason.NOT_FOUND, 'nothing', ['nothing', 'nothing']]).toContainEqual(found);
  },
);

test('an account of another tenant does not act, whatever else is one’s own', async () => {
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const [own] = await mesh.accounts(tenantId, 1);
  const channel = await mesh.channel(own!, 1);
  const { target } = await client.registerTarget({ channel: channel.username });
  const campaign = { ...campaignOf(theirs.account.accountId), targetId: target!.targetId };
  await expect(client.createCampaign({ campaign })).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
});

test.each(['engage:read', 'pool:read'] as const)('with scope %s nothing is changed', async (scope) => {
  const client = mesh.client(theirs.tenantId, { scopes: [scope] });
  await expect(client.pauseCampaign({ campaignId: theirs.campaignId })).rejects.toMatchObject({
    reason: ErrorReason.SCOPE_MISSING,
  });
});

test('who may engage needs no scope to read accounts or messages besides', async () => {
  const client = mesh.client(theirs.tenantId, { scopes: ['engage:read', 'engage:write'] });
  const { target } = await client.registerTarget({ channel: theirs.channel.username });
  expect(target!.targetId).toBe(theirs.targetId);
  const { campaign } = await client.createCampaign({ campaign: campaignOf(theirs.account.accountId) });
  await client.cancelCampaign({ campaignId: campaign!.campaignId });
});

describe('no input makes a call crash or answer INTERNAL', () => {
  let channel: Channel;
  let metadata: Metadata;

  beforeAll(async () => {
    const [replica] = mesh.replicas;
    channel = new Channel(replica!.address, credentials.createInsecure());
    metadata = new Metadata();
    const token = await mesh.pool.tokenOf(servicePrincipal('tests', theirs.tenantId));
    metadata.set('authorization', `Bearer ${token}`);
  });
  afterAll(() => channel.close());

  test.each(EngagementService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      const known = {
        targetId: [theirs.targetId, randomUUIDv7()],
        campaignId: [theirs.campaignId, randomUUIDv7()],
        accountId: [theirs.account.accountId, ''],
        accountIds: [theirs.account.accountId],
        channel: [theirs.channel.username, `@${theirs.channel.username}`, 'channel:1'],
        postIds: [...theirs.channel.postIds, 999n],
        postId: [...theirs.channel.postIds, 0n],
        latest: [0, 1, 2],
        kind: [1, 2, 3],
        emoji: ['👍', '🔥'],
        templates: ['{a|b|c} {d|e|f} {g|h}'],
        requestId: ['', 'one', 'two'],
        pageToken: [''],
        seconds: [0n, 5n, 3_600n],
        nanos: [0],
        scope: [0, 1],
      };
      const target = { channel, metadata, known, process: mesh.replicas[0]! };
      await expect(faultless(method, target)).resolves.toBe(true);
    },
    120_000,
  );
});
