import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, object, ref } from '../docs/schema.ts';
import { route } from '../http/described.ts';
import type { MeshHealth } from '../mesh-health.ts';

const TAG = 'health';

const states = {
  type: 'object',
  additionalProperties: { type: 'string', enum: ['serving', 'stopping', 'unreachable'] },
  example: { 'session-pool': 'serving', messaging: 'unreachable' },
};

/** Only tasks need it: everything else goes on without. */
const NOT_NEEDED = new Set(['engagement']);

/** Whether all that stands behind these interfaces is there. */
export function healthRoutes(health: MeshHealth): DescribedRoutes {
  return {
    tags: [{ name: TAG, description: 'Whether the services behind this are there.' }],
    schemas: {
      Healthy: object({ status: { const: 'ok' }, services: states }),
      Unhealthy: object({ status: { const: 'unavailable' }, detail: { type: 'string' }, services: states }),
    },
    routes: [
      route({
        method: 'GET',
        path: '/health',
        tag: TAG,
        id: 'getHealth',
        summary: 'The state of each service',
        isOpen: true,
        details: 'Without engagement all but the tasks work: its state is shown, and is no fault.',
        answers: {
          200: answer('All that are needed are there.', ref('Healthy')),
          503: answer('Some that are needed are not.', { anyOf: [ref('Unhealthy'), ref('Error')] }),
        },
        async handle() {
          const known = await health.states();
          const services = Object.fromEntries(known);
          const away = [...known].flatMap(([name, state]) =>
            state === 'serving' || NOT_NEEDED.has(name) ? [] : [name],
          );
          if (away.length === 0) return { status: 200, body: { status: 'ok', services } };
          return {
            status: 503,
            headers: { 'retry-after': '1' },
            body: { status: 'unavailable', detail: `Not serving: ${away.join(', ')}`, services },
          };
        },
      }),
    ],
  };
}
