import * as fc from 'fast-check';
import { productionDataCenters } from './data-centers.ts';
import { unpackIp } from './ip-address.ts';
import type { Material } from './material.ts';
import { AUTH_KEY_BYTES, MAX_API_ID, MAX_DATA_CENTER, MAX_USER_ID } from './material.ts';

/** For tests: random sessions with each part that a format may or may not hold. */
const authKey = fc
  .uint8Array({ minLength: AUTH_KEY_BYTES, maxLength: AUTH_KEY_BYTES })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => Buffer.from(bytes));

const port = fc.integer({ min: 1, max: 65_535 });
const ip = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(unpackIp);
const hostName = fc.domain().filter((host) => host.length <= 100);

const usual = [...productionDataCenters.keys()];
const dataCenter = fc.oneof(fc.constantFrom(...usual), fc.integer({ min: 1, max: MAX_DATA_CENTER }));

export const userIds = fc.bigInt({ min: 1n, max: MAX_USER_ID });
export const apiIds = fc.integer({ min: 1, max: MAX_API_ID });

export const materialAtIp: fc.Arbitrary<Material> = fc.record({
  dataCenter,
  authKey,
  address: fc.record({ host: ip, port }),
});

export const materialAtHost: fc.Arbitrary<Material> = fc.record({
  dataCenter,
  authKey,
  address: fc.record({ host: fc.oneof(ip, hostName), port }),
});

export const materialOfUser: fc.Arbitrary<Material> = fc.record(
  { dataCenter, authKey, userId: userIds, testMode: fc.boolean(), isBot: fc.boolean(), apiId: apiIds },
  { requiredKeys: ['dataCenter', 'authKey', 'userId', 'testMode', 'isBot'] },
);
