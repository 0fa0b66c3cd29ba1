import { randomUUID } from 'node:crypto';
import { SessionFormatSchema, type SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  ImportSessionResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { sessionSheet } from '../session-text.ts';
import { enumNames, readEnum, readLabels } from '../values.ts';

const formatNames: Map<string, SessionFormat> = enumNames(SessionFormatSchema);
const MAX_BYTES = 1_048_576;

export const sessionsImport = command({
  name: 'sessions import',
  summary: 'puts a session into the pool; Telegram is not asked',
  detail: 'FILE is a session file, or holds a session string; - reads the standard input.',
  operands: ['NAME', 'FILE|-'],
  options: {
    format: {
      type: 'string',
      value: 'FORMAT',
      doc: `${[...formatNames.keys()].join(', ')} (default: found out)`,
    },
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a label to give it' },
    environment: { type: 'string', value: 'NAME', doc: 'the Telegram it belongs to (default: telegram)' },
  },
  examples: [
    'telegate sessions import support-1 ./support-1.session --label team=support',
    'telegate sessions import support-2 - < session-string.txt',
  ],
  async run({ operands, values, readInput, service, out, clock }) {
    const [name, file] = operands as [string, string];
    const format = readEnum('--format', values.format, formatNames);
    const labels = readLabels('--label', values.label);
    const pool = service(SessionPoolService);
    const material = await readInput(file, MAX_BYTES);
    const request = {
      name,
      material,
      labels,
      environment: values.environment ?? '',
      requestId: randomUUID(),
      ...(format === undefined ? {} : { format }),
    };
    const response = await pool.call((client) => client.importSession(request));
    out.answer(ImportSessionResponseSchema, response, () => sessionSheet(response.session!, clock.now()));
    return exitCode.ok;
  },
});
