import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

interface Example {
  readonly target: string;
  readonly body: unknown;
  readonly status: number;
  readonly answer: unknown;
}

/** The ```http blocks of docs/http.md, in order: a request, an empty line, its answer. */
function examples(): Example[] {
  const text = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8');
  return [...text.matchAll(/```http\n([\s\S]*?)```/g)].map(([, block]) => {
    const [request, answer] = block!.trim().split('\n\n') as [string, string];
    const [target, ...body] = request.split('\n');
    const [status, ...answered] = answer.split('\n');
    return { target: target!, body: parsed(body), status: Number(status), answer: parsed(answered) };
  });
}

function parsed(lines: string[]): unknown {
  return lines.length === 0 ? undefined : JSON.parse(lines.join('\n'));
}

/** Which fields there are, all the way down; what is null in one may be told in the other. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map((item) => shape(item));
  if (typeof value !== 'object' || value === null) return 'a value';
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shape(one)]));
}

export function documentedCases(mesh: () => HttpMesh): void {
  test('the examples of docs/http.md, one after the other', async () => {
    const { call, processes, codeOf } = mesh();
    const { control } = processes.control;
    const phones = { '+15550000001': '+15554000001', '+15550000002': '+15554000002' };
    const { account } = await control.createAccount({
      account: { phone: phones['+15550000001'], firstName: 'Ann' },
    });
    const friend = await control.createAccount({
      account: { phone: '+15554000003', username: 'ann_of_docs' },
    });
    const own: Record<string, string> = {
      ...phones,
      '%2B15550000001': encodeURIComponent(phones['+15550000001']),
      '@ann': '@ann_of_docs',
      '@my_channel': '@docs_channel',
      'ann@example.org': 'ann-of-docs@example.org',
    };
    const local = (text: string): string =>
      Object.entries(own).reduce((changed, [from, to]) => changed.replaceAll(from, to), text);

    const done: string[] = [];
    let token: string | undefined;
    for (const example of examples()) {
      if (example.target === 'POST /profiles/code') own['12345'] = codeOf(phones['+15550000001']);
      if (example.target.startsWith('GET /messages/unread'))
        await control.sendMessage({
          accountId: friend.account!.accountId,
          to: { peer: { case: 'accountId', value: account!.accountId } },
          text: 'hello',
        });
      if (example.target === 'POST /tasks/reaction') {
        const { channel } = await control.createChannel({
          title: 'Docs',
          username: 'docs_channel',
          creatorAccountId: account!.accountId,
        });
        await control.createPosts({ channelId: channel!.channelId, posts: [{ text: 'a post' }] });
      }
      const body = example.body === undefined ? undefined : JSON.parse(local(JSON.stringify(example.body)));
      const { status, body: answer } = await call(local(example.target), {
        ...(token ? { token } : {}),
        json: body,
      });
      expect({ target: example.target, status, answer }).toMatchObject({ status: example.status });
      if (example.target === 'POST /auth/login') token = answer.access_token;
      expect([example.target, shape(answer)]).toEqual([example.target, shape(example.answer)]);
      done.push(example.target);
    }
    expect(done.length).toBeGreaterThan(8);
  }, 30_000);
}
