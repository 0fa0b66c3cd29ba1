import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AssignProxyResponseSchema,
  type AssignProxyResponse,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { DomainError, RequestIdReused } from '#lib/rpc/errors.ts';
import { findAnswers, saveAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import { appendAudit, type AuditEntry } from '../audit.ts';
import type { Registry } from '../registry.ts';
import type { RegistryTransaction } from '../tables.ts';
import { assign, assignmentMessage } from './model.ts';
import { openTurn, type Question, type Turn } from './turn.ts';

export interface AssignRequest extends Question {
  readonly subject: string;
  readonly replay?: ReplayKey | undefined;
}

export type AssignOutcome = { answer: AssignProxyResponse } | { error: DomainError };

/** All of them in one transaction, each succeeding or failing by itself, in the order given. */
export async function assignAll(
  registry: Registry,
  requests: readonly AssignRequest[],
): Promise<AssignOutcome[]> {
  const { firsts, repeats } = withoutRepeats(requests);
  const outcomes = await withReplayRetry(() =>
    transaction(registry.database, (trx) => assignFirsts(trx, registry, firsts)),
  );
  return requests.map((request) => {
    const first = repeats.get(request) ?? request;
    if (first.replay && request.replay && !sameBody(first.replay, request.replay))
      return { error: new RequestIdReused(request.replay.requestId) };
    return outcomes.get(first)!;
  });
}

async function assignFirsts(
  trx: RegistryTransaction,
  registry: Registry,
  requests: readonly AssignRequest[],
): Promise<Map<AssignRequest, AssignOutcome>> {
  const turn = await openTurn(trx, registry, requests, ({ proxyId }) => proxyId === undefined);
  // Only now: whoever has the turn has answered, and committed.
  const earlier = await findAnswers(
    trx,
    requests.flatMap(({ replay }) => replay ?? []),
  );
  const outcomes = new Map<AssignRequest, AssignOutcome>();
  const audit: AuditEntry[] = [];
  const answers: { key: ReplayKey; answer: Uint8Array }[] = [];
  for (const request of requests) {
    const { replay } = request;
    const known = replay && earlier.get(replay);
    if (known instanceof RequestIdReused) outcomes.set(request, { error: known });
    else if (known) outcomes.set(request, { answer: fromBinary(AssignProxyResponseSchema, known) });
    else {
      const outcome = assignOne(turn, request, audit);
      outcomes.set(request, outcome);
      if (replay && 'answer' in outcome)
        answers.push({ key: replay, answer: toBinary(AssignProxyResponseSchema, outcome.answer) });
    }
  }
  await turn.save();
  await appendAudit(trx, audit);
  await saveAnswers(trx, answers);
  return outcomes;
}

function assignOne(turn: Turn, request: AssignRequest, audit: AuditEntry[]): AssignOutcome {
  const place = turn.placeOf(request);
  const { proxyId: before } = place;
  const holding = turn.holdingOf(place);
  try {
    assign(turn.roomOf(request.tenantId), place, request, holding);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { error };
  }
  const { tenantId, subject } = request;
  const { proxyId, accountId, sessionId } = place;
  if (proxyId !== before)
    audit.push({ tenantId, subject, action: 'assign_proxy', proxyId, accountId, sessionId });
  return {
    answer: create(AssignProxyResponseSchema, {
      assignment: assignmentMessage(place, holding !== undefined),
    }),
  };
}

/** The same request twice in a batch is answered once. */
function withoutRepeats(requests: readonly AssignRequest[]): {
  firsts: AssignRequest[];
  repeats: Map<AssignRequest, AssignRequest>;
} {
  const seen = new Map<string, AssignRequest>();
  const repeats = new Map<AssignRequest, AssignRequest>();
  const firsts = requests.filter((request) => {
    if (!request.replay) return true;
    const key = JSON.stringify([request.replay.principal, request.replay.requestId]);
    const first = seen.get(key);
    if (first) repeats.set(request, first);
    else seen.set(key, request);
    return !first;
  });
  return { firsts, repeats };
}

function sameBody(a: ReplayKey, b: ReplayKey): boolean {
  return Buffer.compare(a.bodyHash, b.bodyHash) === 0;
}
