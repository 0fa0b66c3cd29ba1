import type { Description } from '../docs/openapi.ts';
import { answer, object, ref, retryAfter, traceId, wholeNumber } from '../docs/schema.ts';

const TAG = 'session manager';

const integer = (description: string, example: number): object => ({
  ...wholeNumber(description, example),
  minimum: 0,
});

const refusals = {
  401: answer('No X-API-Key came with the request.', ref('Error')),
  403: answer('The key is wrong, or it lacks the right to this.', ref('Error')),
  429: answer('Too many requests are running.', ref('Error'), retryAfter),
};

const unavailable = {
  500: answer('A fault of the gateway or the pool.', ref('Error')),
  503: answer('The pool can not be reached.', ref('Error'), retryAfter),
  504: answer('The pool did not answer in time.', ref('Error')),
};

const sessionId = {
  name: 'session_id',
  in: 'query',
  description: 'The session, here or as a field of a form.',
  schema: { type: 'integer', example: 42 },
};

const sessionIdForm = {
  content: {
    'application/x-www-form-urlencoded': {
      schema: { type: 'object', properties: { session_id: { type: 'integer' } } },
    },
  },
};

const leaseIdHeader = {
  name: 'X-Lease-Id',
  in: 'header',
  description: 'As GET /session gave it: frees that lease and no other, however late it comes.',
  schema: { type: 'string', format: 'uuid' },
};

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Of your choice, new for each session you want. A request that is repeated with it because its answer was ' +
    'lost gets the same session again.',
  schema: { type: 'string', maxLength: 100 },
};

const security = [{ apiKey: [] }];

export const sessionManagerDescription: Description = {
  tag: {
    name: TAG,
    description:
      'Take a session, open its file, work, release it. The key needs the scope pool:lease, and pool:admin to ' +
      'invalidate and to sync.',
  },
  securitySchemes: {
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  },
  schemas: {
    PoolStatus: object({
      total: integer('All sessions.', 10),
      free: integer('Free to take.', 7),
      in_use: integer('Taken by somebody.', 2),
      in_floodwait: integer('Told by Telegram to wait.', 1),
      next_available: {
        type: ['string', 'null'],
        pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}$',
        description: 'When the next of those that wait is free, in UTC; null when none waits.',
        example: '2025-03-01 18:30:00',
      },
    }),
    TakenSession: object({
      session_id: integer('The session.', 42),
      session_name: {
        type: 'string',
        description: 'The name of its file, without .session.',
        example: 'session42',
      },
    }),
    NoFreeSession: object({
      detail: object({
        error: {
          type: 'string',
          enum: ['no_free_session', 'session_pool_unavailable'],
          example: 'no_free_session',
        },
        in_floodwait: integer('Sessions told by Telegram to wait.', 3),
        next_release_in: {
          type: ['integer', 'null'],
          minimum: 1,
          description: 'Seconds until the nearest may be free; null when none has an end in sight.',
          example: 3_600,
        },
      }),
    }),
    Released: object({
      status: { const: 'released' },
      session_id: { type: 'integer', example: 42 },
    }),
    Invalidated: object({
      status: { const: 'invalidated' },
      session_id: { type: 'integer', example: 42 },
    }),
    Synced: object({
      status: { const: 'sync complete' },
      details: object({
        new_sessions: integer('Found in the folder and added.', 2),
        removed_sessions: integer('Gone from the folder and removed.', 1),
        total_sessions: integer('In the pool now.', 10),
      }),
    }),
  },
  paths: {
    '/status': {
      get: {
        tags: [TAG],
        operationId: 'getStatus',
        summary: 'How many sessions there are, by what they are doing',
        security,
        responses: { 200: answer('The counts.', ref('PoolStatus'), traceId), ...refusals, ...unavailable },
      },
    },
    '/session': {
      get: {
        tags: [TAG],
        operationId: 'takeSession',
        summary: 'Take a free session',
        description: 'It is yours until you release it or the time in X-Lease-Ttl is over. Never waits.',
        security,
        parameters: [idempotencyKey],
        responses: {
          ...refusals,
          ...unavailable,
          200: answer('A session that nobody else has.', ref('TakenSession'), {
            ...traceId,
            'x-lease-id': {
              description: 'Names your lease of it.',
              schema: { type: 'string', format: 'uuid' },
            },
            'x-lease-ttl': { description: 'Seconds until it is free again.', schema: { type: 'integer' } },
          }),
          422: answer(
            'The Idempotency-Key is too long, or was used while the settings were others.',
            ref('ValidationError'),
          ),
          503: answer('None is free.', ref('NoFreeSession'), retryAfter),
        },
      },
    },
    '/release': {
      post: {
        tags: [TAG],
        operationId: 'releaseSession',
        summary: 'Give a session back',
        description:
          'Frees only what the same key took by GET /session. What is free already, or not there, gets the same ' +
          'answer.',
        security,
        parameters: [sessionId, leaseIdHeader],
        requestBody: sessionIdForm,
        responses: {
          200: answer('It is not yours any more.', ref('Released'), traceId),
          422: answer('No session_id, or no number.', ref('ValidationError')),
          ...refusals,
          ...unavailable,
        },
      },
    },
    '/invalidate': {
      post: {
        tags: [TAG],
        operationId: 'invalidateSession',
        summary: 'Take a session out of the pool until it is restored by hand',
        security,
        parameters: [sessionId],
        requestBody: sessionIdForm,
        responses: {
          200: answer('It is out of the pool.', ref('Invalidated'), traceId),
          422: answer('No session_id, or no number.', ref('ValidationError')),
          ...refusals,
          ...unavailable,
        },
      },
    },
    '/sync': {
      post: {
        tags: [TAG],
        operationId: 'syncSessions',
        summary: 'Compare the session folder with the pool',
        security,
        responses: {
          ...refusals,
          200: answer('What changed.', ref('Synced'), traceId),
          500: answer('The folder or the database can not be reached.', ref('Error')),
        },
      },
    },
  },
};
