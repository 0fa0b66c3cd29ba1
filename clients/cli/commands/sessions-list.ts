import { create } from '@bufbuild/protobuf';
import type { Session } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  ListSessionsResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { sessionTable, stateNames } from '../session-text.ts';
import { readCount, readEnum, readLabels } from '../values.ts';

const PAGE = 1_000;

export const sessionsList = command({
  name: 'sessions list',
  summary: 'the sessions of the pool, by id',
  operands: [],
  options: {
    state: { type: 'string', value: 'STATE', doc: [...stateNames.keys()].join(', ') },
    label: {
      type: 'string',
      value: 'KEY=VALUE',
      multiple: true,
      doc: 'only sessions with all of these labels',
    },
    prefix: { type: 'string', value: 'TEXT', doc: 'only sessions whose name begins so' },
    limit: { type: 'string', value: 'COUNT', doc: 'at most so many (default: 100)' },
  },
  examples: [
    'telegate sessions list',
    'telegate sessions list --state needs_login --label team=support',
    "telegate sessions list --json --limit 10000 | jq -r '.sessions[].name'",
  ],
  async run({ values, service, out, clock }) {
    const filter = {
      state: readEnum('--state', values.state, stateNames) ?? 0,
      labels: readLabels('--label', values.label),
      namePrefix: values.prefix ?? '',
    };
    const limit = readCount('--limit', values.limit, { max: 1_000_000, byDefault: 100 });
    const pool = service(SessionPoolService);
    const sessions: Session[] = [];
    let pageToken = '';
    do {
      const request = { ...filter, pageSize: Math.min(PAGE, limit - sessions.length), pageToken };
      const page = await pool.call((client) => client.listSessions(request));
      sessions.push(...page.sessions);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && sessions.length < limit);
    const listed = create(ListSessionsResponseSchema, { sessions, nextPageToken: pageToken });
    out.answer(ListSessionsResponseSchema, listed, () =>
      sessions.length === 0 ? 'No sessions.' : sessionTable(sessions, clock.now()),
    );
    if (pageToken !== '') out.note(`There are more than ${limit}; --limit shows more.`);
    return exitCode.ok;
  },
});
