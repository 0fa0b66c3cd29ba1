import { randomBytes } from 'node:crypto';

export const keyVariables = ['TELEGATE_MASTER_KEY', 'TELEGATE_MESH_KEY', 'TELEGATE_OPERATOR_KEY'] as const;

export type KeyVariable = (typeof keyVariables)[number];
export type Keys = Record<KeyVariable, string>;

/** New keys in the form that the services read. */
export function makeKeys(random: (bytes: number) => Buffer = randomBytes): Keys {
  return {
    TELEGATE_MASTER_KEY: `1:${random(32).toString('base64')}`,
    TELEGATE_MESH_KEY: random(32).toString('base64'),
    TELEGATE_OPERATOR_KEY: `tgop_${random(24).toString('base64url')}`,
  };
}

export function keysAsEnvironmentFile(keys: Keys): string {
  return keyVariables.map((variable) => `${variable}=${keys[variable]}\n`).join('');
}
