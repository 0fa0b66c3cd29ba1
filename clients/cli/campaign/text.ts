import {
  ActionStateSchema,
  CampaignKindSchema,
  CampaignStateSchema,
  TargetStateSchema,
  type Action,
  type ActionState,
  type Campaign,
  type CampaignKind,
  type CampaignState,
  type Target,
  type TargetState,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { sheet, table } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';
import { enumNames, nameOf } from '../values.ts';

export const kinds: Map<string, CampaignKind> = enumNames(CampaignKindSchema);
export const campaignStates: Map<string, CampaignState> = enumNames(CampaignStateSchema);
export const actionStates: Map<string, ActionState> = enumNames(ActionStateSchema);
export const targetStates: Map<string, TargetState> = enumNames(TargetStateSchema);

export function targetTable(targets: readonly Target[], now: number): string {
  return table(
    ['TARGET', 'CHANNEL', 'TITLE', 'STATE', 'ADMINISTERED BY', 'COMMENTS', 'VERIFIED'],
    targets.map((target) => [
      target.targetId,
      target.username === '' ? target.channel : `@${target.username}`,
      target.title,
      withReason(nameOf(targetStates, target.state), target.stateReason),
      target.adminAccountId,
      target.linkedGroup === '' ? 'closed' : 'open',
      moment(target.verifyTime, now),
    ]),
  );
}

export function campaignTable(campaigns: readonly Campaign[], now: number): string {
  return table(
    ['CAMPAIGN', 'KIND', 'STATE', 'DONE', 'LEFT', 'FAILED', 'SKIPPED', 'NEXT', 'CREATED'],
    campaigns.map((one) => [
      one.campaignId,
      nameOf(kinds, one.kind),
      withReason(nameOf(campaignStates, one.state), one.stateReason),
      String(one.counts?.done ?? 0),
      String(leftOf(one)),
      String(one.counts?.failed ?? 0),
      String(one.counts?.skipped ?? 0),
      moment(one.nextActionTime, now),
      moment(one.createTime, now),
    ]),
  );
}

export function campaignSheet(one: Campaign, now: number): string {
  return sheet([
    ['id', one.campaignId],
    ['kind', nameOf(kinds, one.kind)],
    ['target', one.targetId],
    ['state', withReason(nameOf(campaignStates, one.state), one.stateReason)],
    ['actions', countsText(one)],
    ['next', moment(one.nextActionTime, now)],
    ['done by', moment(one.estimatedEndTime, now)],
    ...(one.disclosure === '' ? [] : [['comments end', one.disclosure] as const]),
    ...one.droppedAccounts.map(({ accountId, reason }) => ['without', `${accountId}: ${reason}`] as const),
    ['created', `${moment(one.createTime, now)} by ${one.owner}`],
    ['ended', moment(one.finishTime, now)],
  ]);
}

export function actionTable(actions: readonly Action[], now: number): string {
  return table(
    ['ACTION', 'KIND', 'POST', 'ACCOUNT', 'STATE', 'DUE', 'ENDED', 'TRIES', 'CONTENT'],
    actions.map((one) => [
      one.actionId,
      nameOf(kinds, one.kind),
      String(one.postId),
      one.accountId,
      withReason(nameOf(actionStates, one.state), one.reason),
      moment(one.dueTime, now),
      moment(one.endTime, now),
      String(one.attempts),
      shortened(one.content),
    ]),
  );
}

export function countsText(one: Campaign): string {
  const { done = 0, failed = 0, skipped = 0, running = 0 } = one.counts ?? {};
  const total = leftOf(one) + done + failed + skipped;
  const parts = [`${done} of ${total} done`];
  if (running > 0) parts.push(`${running} on their way`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  return parts.join(', ');
}

function leftOf({ counts }: Campaign): number {
  return (counts?.planned ?? 0) + (counts?.running ?? 0);
}

function withReason(state: string, reason: string): string {
  return reason === '' ? state : `${state}: ${reason}`;
}

const SHOWN = 40;

function shortened(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ⏎ ');
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 1)}…`.toWellFormed() : line;
}
