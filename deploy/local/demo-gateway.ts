import { rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Tour } from './demo-tour.ts';
import { check, told } from './demo-tour.ts';
import type { MeshFile } from './mesh-file.ts';

export interface GatewayTour {
  tour: Tour;
  mesh: MeshFile;
  /** `http://host:port` of the gateway. */
  url: string;
  pool: Client<typeof SessionPoolService>;
  /** Distinguishes this tour's sessions from those of others. */
  name: string;
}

/** The same pool, for who has no gRPC: JSON over HTTP. */
export async function gatewayTour({ tour, mesh, url, pool, name }: GatewayTour): Promise<void> {
  const call = async (method: string, body: unknown): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${url}/${SessionPoolService.typeName}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': mesh.apiKey },
      body: JSON.stringify(body),
    });
    check(answer.ok, `${method} to answer 200, not ${answer.status} ${await textOf(answer)}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  await tour.step('a session is leased and released over JSON', async () => {
    const { session } = await pool.importSession({ name: `${name}-json`, material: madeUpSession() });
    tour.afterwards('the session of the JSON step', () =>
      pool.deleteSession({ sessionId: session!.sessionId, force: true }),
    );
    const { lease } = (await call('AcquireLease', { selector: { name: `${name}-json` }, ttl: '10s' })) as {
      lease: { leaseId: string; fencingToken: string; sessionName: string };
    };
    const { leaseId, fencingToken } = lease;
    const { endedNow } = await call('ReleaseLease', { lease: { leaseId, fencingToken } });
    check(endedNow === true, 'the release to end the lease');
    return told(`${lease.sessionName} through ${url}`);
  });
}

/** The calls of an older session manager. */
export async function leaseOverOlderHttp({ tour, mesh, url, pool, name }: GatewayTour): Promise<void> {
  const call = (method: string, path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}${path}`, { method, headers: { 'X-API-Key': mesh.apiKey, ...headers } });
  await tour.step('an older HTTP client takes a session and gives it back', async () => {
    const { sessions } = await pool.listSessions({ pageSize: 1_000 });
    if (sessions.some(({ hasFile }) => hasFile))
      return told('left out: session files of yours are in the pool, and it would take one of them');
    const file = join(mesh.sessionsDir, `${name}-file.session`);
    await writeFile(file, madeUpSession(), { mode: 0o600, flag: 'wx' });
    tour.afterwards('the session file of the HTTP step', async () => {
      await rm(file, { force: true });
      await leave(pool, `${name}-file`);
    });
    const synced = await call('POST', '/sync');
    check(synced.status === 200, `POST /sync to answer 200, not ${synced.status} ${await textOf(synced)}`);
    const taken = await call('GET', '/session');
    check(taken.status === 200, `GET /session to answer 200, not ${taken.status} ${await textOf(taken)}`);
    const { session_id: id, session_name: taker } = (await taken.json()) as {
      session_id: number;
      session_name: string;
    };
    const lease = taken.headers.get('x-lease-id') ?? '';
    const released = await call('POST', `/release?session_id=${id}`, { 'X-Lease-Id': lease });
    check(released.status === 200, `POST /release to answer 200, not ${released.status}`);
    return told(`GET /session gave ${taker}, POST /release took it back`);
  });
}

/**
 * Not by a sync: a folder that lacks all its sessions at once, as when two tours end together, is not believed. One that
 * another tour holds at this moment leaves when it is released.
 */
async function leave(pool: GatewayTour['pool'], name: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      const { session } = await pool.getSession({ name });
      await pool.deleteSession({ sessionId: session!.sessionId });
    } catch (error) {
      if (error instanceof RpcError && error.reason === ErrorReason.NOT_FOUND) return;
      if (!(error instanceof RpcError)) throw error;
    }
    await pause(systemClock, 100);
  }
  check(false, `${name} to leave the pool`);
}

async function textOf(answer: Response): Promise<string> {
  return answer.ok ? '' : (await answer.text()).slice(0, 200);
}

function madeUpSession(): Uint8Array {
  return renderMaterial({ dataCenter: 2, authKey: randomBytes(256) }, 'telethon-string');
}
