import { ROOT_CONTEXT, SpanKind, type Span } from '@opentelemetry/api';
import { createBatcher } from '#lib/batching/batcher.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { currentTraceId, linkFromTraceparent, withSpan } from '#lib/telemetry/spans.ts';
import type { Engagement, Parent } from '../engagement.ts';
import { beginActions, type Beginning, type Begun } from './begin.ts';
import { endActions, type Ended, type Ending } from './end.ts';
import type { Shift } from './job-worker.ts';
import { actionMetrics } from './metrics.ts';
import { perform } from './perform.ts';
import type { Started } from './started.ts';

export type Acting = (actionId: string, shift: Shift) => Promise<void>;

export type ActingParts = Pick<
  Engagement,
  'database' | 'messaging' | 'texts' | 'clock' | 'random' | 'log' | 'settings' | 'wakeRelay'
>;

/** How long a try may take, its text included. */
const LIMIT_MS = 60_000;
const BATCH = 64;

/** What a job does: begins its action if it may, does it, and says how it ended. */
export function createActing(parts: ActingParts): Acting {
  const { database, clock, random, log, wakeRelay } = parts;
  const { limits } = parts.settings;
  const underWay = new Set<string>();

  const beginner = createBatcher<Beginning, Begun>({
    name: 'actions begin',
    maxItems: BATCH,
    gatherMs: 0,
    clock,
    async run(items) {
      const outcomes = new Map<Beginning, Begun>();
      for (const [, group] of Map.groupBy(items, ({ workerId }) => workerId)) {
        const begun = await beginActions(database, limits, group);
        begun.forEach((outcome, index) => outcomes.set(group[index]!, outcome));
      }
      wakeRelay();
      return items.map((item) => outcomes.get(item)!);
    },
  });

  const ender = createBatcher<Ending, Ended>({
    name: 'actions end',
    maxItems: BATCH,
    gatherMs: 0,
    clock,
    async run(items) {
      const ended = await endActions(database, limits, random, items);
      wakeRelay();
      return ended;
    },
  });

  async function act(actionId: string, { workerId, signal }: Shift, span: Span): Promise<void> {
    const begun = await beginner.submit({ actionId, workerId, traceId: currentTraceId() ?? '' });
    if (begun.kind === 'none') {
      span.setAttribute('telegate.action.outcome', begun.why);
      log.debug(
        { event: 'action_not_begun', action_id: actionId, why: begun.why },
        'an action did not begin',
      );
      return;
    }
    const { action } = begun;
    describe(span, action);
    actionMetrics().lateness.record(Math.max(0, action.lateMs) / 1_000, {
      'telegate.action.kind': action.kind,
    });
    const performed = await perform(parts, action, onBehalf(action, signal, clock));
    const ended = await ender.submit({ action, workerId, ...performed });
    span.setAttribute('telegate.action.outcome', ended);
    actionMetrics().ended.add(1, { 'telegate.action.kind': action.kind, 'telegate.action.outcome': ended });
    const { verdict } = performed;
    log.debug(
      {
        event: 'action_tried',
        action_id: actionId,
        campaign_id: action.campaignId,
        account_id: action.accountId,
        outcome: ended,
        ...('reason' in verdict ? { reason: verdict.reason } : {}),
      },
      `a try of an action ended: ${ended}`,
    );
  }

  return async (actionId, shift) => {
    // The engine brings a job again only when it was lost here: what is under way goes on.
    if (underWay.has(actionId)) return;
    underWay.add(actionId);
    try {
      const attributes = { 'telegate.action.id': actionId };
      await withSpan(
        'engagement act',
        { parent: ROOT_CONTEXT, kind: SpanKind.CONSUMER, attributes },
        (span) => act(actionId, shift, span),
      );
    } finally {
      underWay.delete(actionId);
    }
  };
}

function describe(span: Span, action: Started): void {
  span.setAttributes({
    'telegate.action.kind': action.kind,
    'telegate.campaign.id': action.campaignId,
    'telegate.account.id': action.accountId,
  });
  // A campaign may run for weeks: each action has a trace of its own.
  const created = linkFromTraceparent(action.traceparent);
  if (created) span.addLink(created);
}

const SCOPES: Principal['scopes'] = new Set(['message:read', 'message:send', 'engage:write'] as const);

/** As whoever created the campaign, in its tenant: the same at every try, so that a repeat is known for one. */
function onBehalf(action: Started, signal: AbortSignal, clock: ActingParts['clock']): Parent {
  const { tenantId, owner } = action;
  const until = clock.monotonic() + LIMIT_MS;
  return {
    principal: { tenantId, homeTenantId: tenantId, subject: owner, role: 'user', scopes: SCOPES },
    signal,
    remainingMs: () => Math.max(0, until - clock.monotonic()),
  };
}
