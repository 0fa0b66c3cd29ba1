import { get } from 'node:http';

/** Exit 0 when the process of this container is ready; else what it waits for, and exit 1. */
const LIMIT_MS = 4_000;

const request = get(
  { host: '127.0.0.1', port: Number(process.env['ADMIN_PORT']), path: '/readyz', timeout: LIMIT_MS },
  (response) => {
    response.pipe(process.stdout);
    response.once('close', () => process.exit(response.statusCode === 200 ? 0 : 1));
  },
);
request.once('timeout', () => request.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
request.once('error', (error) => {
  process.stdout.write(`${error.message}\n`);
  process.exit(1);
});
