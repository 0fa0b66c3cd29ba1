import { createHash } from 'node:crypto';
import { toJson, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import type {
  StartLoginRequest,
  StartLoginRequestSchema,
  StartQrLoginRequest,
  StartQrLoginRequestSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import * as validate from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Principal } from '#lib/auth/principal.ts';
import type { Logins } from './logins.ts';
import { phoneNumber } from './phone.ts';
import type { NewLogin } from './store.ts';

const NAME_LENGTH = 128;
const CODE = /^[0-9A-Za-z]{1,32}$/;
const CODE_LENGTH = 64;
const PASSWORD_LENGTH = 1_024;

type StartRequest =
  | { schema: typeof StartLoginRequestSchema; request: StartLoginRequest }
  | { schema: typeof StartQrLoginRequestSchema; request: StartQrLoginRequest };

export function readStart(
  { telegram }: Pick<Logins, 'telegram'>,
  { tenantId, subject }: Principal,
  { schema, request }: StartRequest,
): NewLogin {
  const violations: FieldViolation[] = [];
  const isQr = !('phone' in request);
  const phone = isQr ? '' : phoneNumber(violations, 'phone', request.phone);
  const proxyId = request.proxyId === '' ? null : validate.uuid(violations, 'proxy_id', request.proxyId);
  const labels = validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SESSION });
  const name = validate.text(violations, 'name', request.name, { max: NAME_LENGTH });
  const environment = validate.text(violations, 'environment', request.environment, { max: 64 });
  if (environment !== '' && environment !== telegram.environment.id)
    violations.push({
      field: 'environment',
      description: `is not the Telegram of this deployment; send ${telegram.environment.id}, or none`,
    });
  const requestId = validate.requestId(violations, 'request_id', request.requestId);
  validate.throwIfAny(violations);
  return {
    tenantId,
    subject,
    kind: isQr ? 'qr' : 'phone',
    phone,
    environment: telegram.environment.id,
    proxyId,
    labels,
    name,
    requestId: requestId === '' ? null : requestId,
    bodyHash: requestId === '' ? null : bodyHash(schema as DescMessage, request),
  };
}

function bodyHash<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc>): Uint8Array {
  return createHash('sha256')
    .update(canonicalText(toJson(schema, request)))
    .digest();
}

export function readLoginId(violations: FieldViolation[], value: string): string {
  return validate.uuid(violations, 'login_id', value);
}

/** As it was typed: blanks and dashes are for reading. */
export function readCode(violations: FieldViolation[], value: string): string {
  const code = value.length > CODE_LENGTH ? '' : value.replace(/[\s\p{Pd}]+/gu, '');
  if (value === '') violations.push({ field: 'code', description: 'is missing; send the code that came' });
  else if (!CODE.test(code))
    violations.push({ field: 'code', description: 'is no login code; send the digits as they came' });
  return code;
}

export function readPassword(violations: FieldViolation[], value: string): string {
  if (value === '') violations.push({ field: 'password', description: 'is missing' });
  else if (value.length > PASSWORD_LENGTH)
    violations.push({
      field: 'password',
      description: `is longer than ${PASSWORD_LENGTH} characters; no password of Telegram's is`,
    });
  else if (!value.isWellFormed())
    violations.push({ field: 'password', description: 'is not valid Unicode; send UTF-8' });
  return value;
}
