import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { findFreePort } from './free-port.ts';

test('passes over a port that is taken, and stays below those of outgoing connections', async () => {
  const taken = await findFreePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  expect((server.address() as AddressInfo).port).toBe(taken);
  const wishes = [taken, taken, taken + 1, taken + 2, taken + 3];
  const found = await findFreePort('127.0.0.1', () => wishes.shift()!);
  expect(found).toBeGreaterThan(taken);
  expect(found).toBeLessThan(32_768);
});
