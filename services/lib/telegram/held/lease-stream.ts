import type { DrainRequested, FloodWait, Lease, LeaseLost } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type {
  ManageLeasesResponse,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { pause, within, expired, type Clock, type Timer } from '#lib/lifecycle/clock.ts';
import { Cancelled, DependencyUnavailable, QuotaExceeded } from '#lib/rpc/errors.ts';
import { fromStatusMessage } from '#lib/rpc/status.ts';
import type { BidiStream } from '#lib/rpc/client-streams.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { currentTraceparent } from '#lib/telemetry/spans.ts';
import type { PoolClient, Replicas } from './replicas.ts';

type Manage = (typeof SessionPoolService)['method']['manageLeases'];
type Stream = BidiStream<Manage['input'], Manage['output']>;
type Action = MessageInitShape<Manage['input']>['action'];
type Result = Exclude<ManageLeasesResponse['result'], { case: undefined | 'error' | 'queued' }>;

export interface StreamEvents {
  lost(notice: LeaseLost): void;
  drainRequested(notice: DrainRequested): void;
  floodWait(notice: FloodWait): void;
  /** A lease that nobody waits for any more. */
  granted(lease: Lease): void;
  /** A stream is open, and it knows of no lease yet: those that are held are renewed on it. */
  opened(): void;
}

export interface StreamParts {
  readonly replicas: Replicas;
  readonly clock: Clock;
  readonly log: Logger;
  /** Evenly from [0, 1). */
  random(): number;
}

export interface AskOptions {
  readonly tenantId?: string;
  /** How long all attempts together may take. */
  readonly limitMs: number;
  readonly signal?: AbortSignal;
  /** Not asked again on the next stream when this one breaks. */
  readonly once?: boolean;
}

/** An answer, and when the question was first sent. */
export interface Answer {
  readonly result: Result;
  readonly sentAt: number;
}

interface Question {
  readonly action: Action;
  readonly options: AskOptions;
  readonly answer: PromiseWithResolvers<Answer>;
  /** The call that it is asked for. */
  readonly traceparent: string;
  /** On the stream of the moment. */
  id: string | undefined;
  sentAt: number | undefined;
  silence: Timer | undefined;
}

/** A replica that does not answer for this long is left for another. */
const SILENCE_MS = 3_000;
const OPEN_LIMIT_MS = 5_000;
const MOST_QUESTIONS = 20_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * One ManageLeases stream after another. What was asked and not answered when a stream broke is asked again on the
 * next: acquires carry a request_id, and everything else may happen twice.
 */
export class LeaseStream {
  readonly #parts: StreamParts;
  readonly #events: StreamEvents;
  readonly #stopping = new AbortController();
  readonly #asked = new Map<string, Question>();
  readonly #waiting = new Set<Question>();
  #stream: Stream | undefined;
  #running: Promise<void> | undefined;
  #count = 0;
  #wasHeard = false;

  constructor(parts: StreamParts, events: StreamEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Rejects with what the pool refused it with; DependencyUnavailable when nobody answered in time. */
  async ask(action: Action, options: AskOptions): Promise<Answer> {
    if (this.#stopping.signal.aborted) throw new Cancelled();
    options.signal?.throwIfAborted();
    if (this.#asked.size + this.#waiting.size >= MOST_QUESTIONS)
      throw new QuotaExceeded(
        'pool_questions',
        `${MOST_QUESTIONS} questions to the pool wait already.`,
        1_000,
      );
    const question: Question = {
      action,
      options,
      answer: Promise.withResolvers(),
      traceparent: (action?.case === 'acquire' && currentTraceparent()) || '',
      id: undefined,
      sentAt: undefined,
      silence: undefined,
    };
    const { answer } = question;
    const limit = this.#parts.clock.setTimer(options.limitMs, () =>
      answer.reject(new DependencyUnavailable('SessionPoolService')),
    );
    const giveUp = (): void => answer.reject(new Cancelled());
    options.signal?.addEventListener('abort', giveUp, { once: true });
    // The stream outlives the call that happens to be the first.
    this.#running ??= context.with(ROOT_CONTEXT, () => this.#run());
    if (this.#stream) this.#send(this.#stream, question);
    else this.#waiting.add(question);
    try {
      return await answer.promise;
    } finally {
      limit.cancel();
      options.signal?.removeEventListener('abort', giveUp);
      this.#forget(question);
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#stream?.cancel();
    await this.#running;
  }

  #forget(question: Question): void {
    question.silence?.cancel();
    if (question.id !== undefined) this.#asked.delete(question.id);
    this.#waiting.delete(question);
  }

  #send(stream: Stream, question: Question): void {
    const { clock } = this.#parts;
    const { action, options, traceparent } = question;
    const id = String((this.#count += 1));
    question.id = id;
    question.sentAt ??= clock.monotonic();
    this.#asked.set(id, question);
    this.#listenForSilence(stream, question);
    void stream.send({ id, action, tenantId: options.tenantId ?? '', traceparent });
  }

  #listenForSilence(stream: Stream, question: Question): void {
    question.silence?.cancel();
    question.silence = this.#parts.clock.setTimer(SILENCE_MS, () => stream.cancel());
  }

  async #run(): Promise<void> {
    const { clock, replicas, log, random } = this.#parts;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted;) {
      const client = replicas.current;
      this.#wasHeard = false;
      await this.#listen(client).catch((error: unknown) => {
        if (!signal.aborted)
          log.warn(
            { event: 'lease_stream_broken', err: error },
            'the stream of leases broke; another is opened',
          );
      });
      replicas.leave(client);
      failures = this.#wasHeard ? 0 : failures + 1;
      const rounds = Math.floor(failures / replicas.count);
      const wait = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(rounds, 10));
      if (!signal.aborted && (failures > 0 || replicas.count === 1))
        await pause(clock, wait * (0.5 + random() / 2), signal);
    }
    for (const { answer } of this.#waiting) answer.reject(new Cancelled());
  }

  /** Until the stream ends or its replica goes away. */
  async #listen(client: PoolClient): Promise<void> {
    const stream = client.manageLeases({ isLongLived: true });
    try {
      const opened = await within(this.#parts.clock, OPEN_LIMIT_MS, stream.opened);
      if (opened === expired) throw new DependencyUnavailable('SessionPoolService');
      this.#stream = stream;
      this.#events.opened();
      for (const question of this.#waiting) this.#send(stream, question);
      this.#waiting.clear();
      for await (const message of stream.responses) {
        this.#wasHeard = true;
        if (message.result.case === 'goAway') return;
        this.#hear(message);
      }
    } finally {
      this.#stream = undefined;
      stream.cancel();
      this.#keepUnanswered();
    }
  }

  #keepUnanswered(): void {
    for (const question of this.#asked.values()) {
      question.silence?.cancel();
      if (question.options.once) question.answer.reject(new DependencyUnavailable('SessionPoolService'));
      else this.#waiting.add(question);
    }
    this.#asked.clear();
  }

  #hear({ id, result }: ManageLeasesResponse): void {
    const question = this.#asked.get(id);
    switch (result.case) {
      case 'lost':
        return this.#events.lost(result.value);
      case 'drainRequested':
        return this.#events.drainRequested(result.value);
      case 'floodWait':
        return this.#events.floodWait(result.value);
      case 'queued':
        // The answer may take as long as the queue is; that the stream is alive, the renewals tell.
        if (question) question.silence?.cancel();
        return;
      case 'error':
        return question?.answer.reject(fromStatusMessage(result.value));
      case 'goAway':
      case undefined:
        return;
      case 'acquired':
        if (!question) return this.#events.granted(result.value);
        return question.answer.resolve({ result, sentAt: question.sentAt! });
      default:
        return question?.answer.resolve({ result, sentAt: question.sentAt! });
    }
  }
}
