import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** How the server answers one call. */
export type ModelAnswer =
  | { kind: 'text'; text: string; finish?: 'stop' | 'length'; tokens?: number }
  /** Any body, as an endpoint that is only said to be compatible sends it. */
  | { kind: 'body'; body: string }
  | { kind: 'status'; status: number; body?: string; headers?: Record<string, string> }
  /** Headers and half a body, then nothing: until the caller hangs up. */
  | { kind: 'stuck' }
  | { kind: 'cut' }
  | { kind: 'huge'; bytes: number };

export interface ModelCall {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly model: string;
  /** System, then user. */
  readonly messages: readonly string[];
}

type AnswerFor = (call: ModelCall, index: number) => Promise<ModelAnswer> | ModelAnswer;

export interface ModelServer {
  /** For MODEL_BASE_URL. */
  readonly url: string;
  readonly calls: readonly ModelCall[];
  /** How many calls were open at once, at most. */
  readonly mostOpen: number;
  /** What is answered from now on: these, one a call, the last again and again; or what a function says. */
  answer(given: readonly ModelAnswer[] | AnswerFor): void;
  close(): Promise<void>;
}

/** An OpenAI-compatible endpoint that says what it is told to. Without that: a fitting comment, another each time. */
export async function startModelServer(): Promise<ModelServer> {
  const calls: ModelCall[] = [];
  let open = 0;
  let mostOpen = 0;
  let answerFor: AnswerFor = fittingComment;
  const server = createServer((request, response) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.once('close', () => (open -= 1));
    void (async () => {
      const call = await readCall(request);
      const index = calls.push(call) - 1;
      await send(response, await answerFor(call, index), call);
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    get mostOpen() {
      return mostOpen;
    },
    answer(given) {
      if (typeof given === 'function') {
        answerFor = given;
        return;
      }
      let next = 0;
      answerFor = () => given[Math.min(next++, given.length - 1)]!;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function fittingComment(_call: ModelCall, index: number): ModelAnswer {
  return { kind: 'text', text: `A fitting remark, the ${numberWord(index)} of its kind.` };
}

/** Letters alone: texts that differ in digits differ little. */
function numberWord(index: number): string {
  return Array.from(index.toString(26))
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)))
    .join('x');
}

async function readCall(request: IncomingMessage): Promise<ModelCall> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  const body = JSON.parse(Buffer.concat(pieces).toString()) as {
    model: string;
    messages: { content: string }[];
  };
  return {
    path: request.url ?? '',
    authorization: request.headers.authorization,
    model: body.model,
    messages: body.messages.map(({ content }) => content),
  };
}

async function send(response: ServerResponse, answer: ModelAnswer, call: ModelCall): Promise<void> {
  const json = { 'content-type': 'application/json' };
  switch (answer.kind) {
    case 'text':
      response.writeHead(200, json).end(JSON.stringify(completion(answer, call.model)));
      return;
    case 'body':
      response.writeHead(200, json).end(answer.body);
      return;
    case 'status':
      response.writeHead(answer.status, { ...json, ...answer.headers }).end(answer.body ?? '{}');
      return;
    case 'stuck':
      response.writeHead(200, json).write('{"choices":[{"mess');
      return;
    case 'cut':
      response.writeHead(200, { ...json, 'content-length': '1000' });
      response.write('{"choices":[{"mess');
      setImmediate(() => response.destroy());
      return;
    case 'huge': {
      response.writeHead(200, json);
      await pipeline(paddedCompletion(answer.bytes, call.model), response);
    }
  }
}

/** Nothing is wrong with it but its size. */
function* paddedCompletion(bytes: number, model: string): Generator<string> {
  yield JSON.stringify(completion({ kind: 'text', text: 'A fitting remark.' }, model)).replace(
    /}$/,
    ',"x":"',
  );
  const piece = 'x'.repeat(64 * 1024);
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
  yield '"}';
}

function completion(
  { text, finish = 'stop', tokens = 120 }: Extract<ModelAnswer, { kind: 'text' }>,
  model: string,
): object {
  return {
    id: 'chatcmpl-test',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content: text } }],
    usage: { prompt_tokens: tokens - 20, completion_tokens: 20, total_tokens: tokens },
  };
}
