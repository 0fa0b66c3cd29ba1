import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  ImportProxiesResponseSchema,
  ProxyRegistryService,
  type ImportProxiesResponse,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { plain } from '../terminal/table.ts';
import { readLabels } from '../values.ts';

const MAX_BYTES = 16 * 1_048_576;
/** Few enough that names among them are resolved within the deadline, and that there is progress to see. */
const LINES_AT_ONCE = 250;
const LIMIT_MS = 60_000;

export const proxiesImport = command({
  name: 'proxies import',
  summary: 'adds the proxies of a list, a line each; exit code 1 if a line is at fault',
  detail:
    'A line is host:port, host:port:user:password or socks5://user:password@host:port; empty lines and those\n' +
    'that begin with # are passed over. Lines at fault are named by number, the others are added. What is there\n' +
    'already is counted and not changed: an import that was interrupted may be repeated. - reads the standard input.',
  operands: ['FILE|-'],
  options: {
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a label for all of them' },
    country: { type: 'string', value: 'CC', doc: 'where all of them come out, as DE' },
  },
  examples: ['telegate proxies import proxies.txt --country DE --label pool=eu'],
  async run({ operands, values, readInput, service, out, stop }) {
    const common = { labels: readLabels('--label', values.label), country: values.country ?? '' };
    const lines = (await readInput(operands[0]!, MAX_BYTES)).toString('utf8').split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    const registry = service(ProxyRegistryService);
    const whole = create(ImportProxiesResponseSchema);
    for (let at = 0; at < lines.length && !stop.aborted; at += LINES_AT_ONCE) {
      out.standing(
        out.paint('dim', `${at} of ${lines.length} lines, ${whole.proxyIds.length} proxies added`),
      );
      const list = lines.slice(at, at + LINES_AT_ONCE).join('\n');
      const request = { ...common, list, requestId: randomUUID() };
      const part = await registry
        .call((client) => client.importProxies(request, { deadlineMs: LIMIT_MS }))
        .catch((error: unknown) => {
          out.standing('');
          if (at > 0) out.note(`Up to line ${at} it is done: ${summaryOf(whole)}. The rest is not.`);
          throw error;
        });
      whole.proxyIds.push(...part.proxyIds);
      whole.duplicateCount += part.duplicateCount;
      for (const fault of part.faults) {
        const moved = { ...fault, line: fault.line + at };
        whole.faults.push(moved);
        if (!out.isJson)
          out.event(
            () => null,
            () => out.paint('red', `line ${moved.line}: ${plain(moved.reason)}`),
          );
      }
    }
    out.standing('');
    out.answer(ImportProxiesResponseSchema, whole, () => `${summaryOf(whole)}.`);
    if (stop.aborted) return exitCode.interrupted;
    return whole.faults.length === 0 ? exitCode.ok : exitCode.refused;
  },
});

function summaryOf({ proxyIds, duplicateCount, faults }: ImportProxiesResponse): string {
  return `${proxyIds.length} added, ${duplicateCount} there already, ${faults.length} lines at fault`;
}
