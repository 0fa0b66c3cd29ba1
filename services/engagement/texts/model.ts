import { SpanKind, type Span } from '@opentelemetry/api';
import OpenAI, { APIConnectionError, APIError } from 'openai';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { withSpan } from '#lib/telemetry/spans.ts';
import { ModelRefused, ModelUnavailable } from './errors.ts';
import { createPlaces } from './places.ts';

export interface ModelSettings {
  readonly baseUrl: string;
  readonly name: string;
  readonly apiKey: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly concurrency: number;
  readonly answerTokens: number;
}

export interface ModelMessage {
  readonly role: 'system' | 'user';
  readonly content: string;
}

export interface Answer {
  readonly text: string;
  /** It stopped because it was told to, not because it was done. */
  readonly cutOff: boolean;
  /** Used by prompt and answer together; undefined where the endpoint does not say. */
  readonly tokens: number | undefined;
}

/** The account of one call's tokens. */
export interface Meter {
  reserve(): Promise<void>;
  settle(tokens: number | undefined): Promise<void>;
}

export interface Model {
  ask(messages: readonly ModelMessage[], meter: Meter, signal: AbortSignal): Promise<Answer>;
}

/** An answer of a comment is a few kB. */
const LARGEST_ANSWER_BYTES = 1024 * 1024;
const MOST_WAITING = 1_000;
/** A longer wait that the endpoint asks for is the job engine's, not this process's. */
const LONGEST_WAIT_HERE_MS = 10_000;
const LONGEST_WAIT_MS = 3_600_000;

export function createModel(settings: ModelSettings, options: { clock: Clock; random: () => number }): Model {
  const { clock, random } = options;
  const places = createPlaces(settings.concurrency, MOST_WAITING);
  // Everything is said here: what is left out, the client reads from the environment.
  const client = new OpenAI({
    baseURL: settings.baseUrl,
    apiKey: settings.apiKey ?? 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    timeout: settings.timeoutMs,
    maxRetries: 0,
    logLevel: 'off',
    ...(settings.apiKey === undefined ? { defaultHeaders: { authorization: null } } : {}),
    fetch: boundedFetch,
  });
  const once = (messages: readonly ModelMessage[], meter: Meter, signal: AbortSignal): Promise<Answer> =>
    withSpan(
      `chat ${settings.name}`,
      { kind: SpanKind.CLIENT, attributes: attributesOf(settings) },
      async (span) => {
        await meter.reserve();
        let used: number | undefined;
        try {
          const answer = await complete(client, settings, messages, signal, span);
          used = answer.tokens;
          return answer;
        } catch (error) {
          if (error instanceof ModelRefused || (error instanceof ModelUnavailable && error.isFree)) used = 0;
          throw error;
        } finally {
          await meter.settle(used);
        }
      },
    );
  return {
    ask: (messages, meter, signal) =>
      places.within(
        async () => {
          for (let tried = 0; ; tried += 1) {
            signal.throwIfAborted();
            try {
              return await once(messages, meter, signal);
            } catch (error) {
              if (!(error instanceof ModelUnavailable) || tried >= settings.retries) throw error;
              const wait = Math.max(error.askedMs, 250 * 2 ** tried * (0.5 + random()));
              if (wait > LONGEST_WAIT_HERE_MS) throw error;
              await pause(clock, wait, signal);
            }
          }
        },
        () => new ModelUnavailable(`has ${MOST_WAITING} calls waiting for it`, { isFree: true }),
      ),
  };
}

async function complete(
  client: OpenAI,
  { name, answerTokens }: ModelSettings,
  messages: readonly ModelMessage[],
  signal: AbortSignal,
  span: Span,
): Promise<Answer> {
  const completion = await client.chat.completions
    .create({ model: name, messages: [...messages], max_completion_tokens: answerTokens }, { signal })
    .catch((error: unknown) => {
      signal.throwIfAborted();
      throw translated(error);
    });
  // An endpoint that only claims to be compatible may have left anything out.
  const choice = (completion as Partial<typeof completion>).choices?.[0] as Partial<Choice> | undefined;
  const usage = completion.usage as Partial<NonNullable<typeof completion.usage>> | undefined;
  const finish = choice?.finish_reason;
  for (const [attribute, value] of [
    ['gen_ai.response.model', clipped(completion.model)],
    ['gen_ai.response.finish_reasons', typeof finish === 'string' ? [finish.slice(0, 64)] : undefined],
    ['gen_ai.usage.input_tokens', tokens(usage?.prompt_tokens)],
    ['gen_ai.usage.output_tokens', tokens(usage?.completion_tokens)],
  ] as const)
    if (value !== undefined) span.setAttribute(attribute, value);
  const content: unknown = choice?.message?.content;
  return {
    text: typeof content === 'string' ? content : '',
    cutOff: finish === 'length',
    tokens: tokens(usage?.total_tokens),
  };
}

type Choice = OpenAI.Chat.Completions.ChatCompletion.Choice;

function tokens(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 10_000_000
    ? (value as number)
    : undefined;
}

function clipped(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 128) : undefined;
}

const AGAIN: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** What the endpoint said stays behind. */
function translated(error: unknown): Error {
  // No answer, or one that is no JSON: a proxy's page, half an answer.
  if (error instanceof APIConnectionError || !(error instanceof APIError))
    return new ModelUnavailable('gave no answer');
  const httpStatus = error.status as number | undefined;
  if (httpStatus === undefined) return new ModelUnavailable('gave no answer');
  if (httpStatus < 500 && !AGAIN.has(httpStatus)) return new ModelRefused(httpStatus);
  return new ModelUnavailable(`answered with HTTP status ${httpStatus}`, {
    askedMs: retryAfterMs(error.headers as Headers | undefined),
    isFree: true,
  });
}

function retryAfterMs(headers: Headers | undefined): number | undefined {
  const ms = Number(headers?.get('retry-after-ms') ?? NaN);
  const seconds = Number(headers?.get('retry-after') ?? NaN);
  const asked = Number.isFinite(ms) ? ms : seconds * 1_000;
  return Number.isFinite(asked) && asked >= 0 ? Math.min(asked, LONGEST_WAIT_MS) : undefined;
}

/** Reads the whole body while the client's timeout runs, no more than there may be, and follows nobody elsewhere. */
const boundedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, redirect: 'error' });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += (piece as Uint8Array).length;
    if (size > LARGEST_ANSWER_BYTES) throw new Error('the answer is too large');
    pieces.push(piece as Uint8Array);
  }
  const { status, statusText, headers } = response;
  return new Response(status === 204 || status === 304 ? null : Buffer.concat(pieces), {
    status,
    statusText,
    headers,
  });
};

function attributesOf({ baseUrl, name, answerTokens }: ModelSettings): Record<string, string | number> {
  const url = new URL(baseUrl);
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': name,
    'gen_ai.request.max_tokens': answerTokens,
    'server.address': url.hostname,
    'server.port': Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  };
}
