import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  GetPoolStatusResponseSchema,
  SessionPoolService,
  WatchPoolResponseSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { command, type Invocation } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { messageJson } from '../terminal/output.ts';
import { isUnreachable, Unreachable, type Service } from '../service.ts';
import { statusLine, statusSheet } from '../status-text.ts';

const options = {
  watch: { type: 'boolean', doc: 'go on until Ctrl-C, and show every change' },
} as const;

type Pool = Service<typeof SessionPoolService>;

export const status = command({
  name: 'status',
  summary: 'counts the sessions by what they are doing, and the acquires that wait',
  operands: [],
  options,
  examples: ['telegate status', 'telegate status --watch', 'telegate status --json | jq .status.free'],
  async run(call) {
    const { out, clock, service, values } = call;
    const pool = service(SessionPoolService);
    if (values.watch === true) return watch(call, pool).finally(() => out.settle());
    const response = await pool.call((client) => client.getPoolStatus({}));
    out.answer(GetPoolStatusResponseSchema, response, () =>
      statusSheet(response.status!, clock.now(), out.paint),
    );
    return exitCode.ok;
  },
});

const LEAST_INTERVAL_MS = 500;
const PAUSE_MS = 1_000;

/** A mesh that was there once is waited for; one that never answered is a failure. */
async function watch(call: Invocation<typeof options>, pool: Pool): Promise<typeof exitCode.ok> {
  const { clock, stop, out } = call;
  const { addresses } = pool.place;
  let hasAnswered = false;
  let isTold = false;
  let problem: unknown;
  for (let attempt = 0; !stop.aborted; attempt += 1) {
    if (attempt > 0 && attempt % addresses.length === 0) {
      if (!hasAnswered) throw new Unreachable(pool.place, problem);
      await pause(clock, PAUSE_MS, stop);
    }
    const client = pool.connect(addresses[attempt % addresses.length]!);
    try {
      const request = { minInterval: durationFromMs(LEAST_INTERVAL_MS) };
      for await (const response of client.watchPool(request, { signal: stop, isLongLived: true })) {
        hasAnswered = true;
        isTold = false;
        show(call, response);
      }
    } catch (error) {
      if (!stop.aborted && !isUnreachable(SessionPoolService, error)) throw error;
      problem = error;
    } finally {
      client.close();
    }
    if (!hasAnswered || stop.aborted || isTold) continue;
    isTold = true;
    out.note('The connection broke; connecting again.');
  }
  return exitCode.ok;
}

function show(
  { out, clock }: Invocation<typeof options>,
  response: Parameters<typeof messageJson<typeof WatchPoolResponseSchema>>[1],
): void {
  const counts = response.status!;
  if (out.isLive) out.standing(statusSheet(counts, clock.now(), out.paint));
  else
    out.event(
      () => messageJson(WatchPoolResponseSchema, response),
      () => statusLine(counts, clock.now()),
    );
}
