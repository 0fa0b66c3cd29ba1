import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { DomainError } from '#lib/rpc/errors.ts';

/** The one translation from the mesh's codes to HTTP's, for every route that is not Connect or gRPC. */
const HTTP_STATUS: Readonly<Record<status, number>> = {
  [status.OK]: 200,
  [status.CANCELLED]: 499,
  [status.UNKNOWN]: 500,
  [status.INVALID_ARGUMENT]: 422,
  [status.DEADLINE_EXCEEDED]: 504,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.PERMISSION_DENIED]: 403,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.FAILED_PRECONDITION]: 409,
  [status.ABORTED]: 409,
  [status.OUT_OF_RANGE]: 422,
  [status.UNIMPLEMENTED]: 501,
  [status.INTERNAL]: 500,
  [status.UNAVAILABLE]: 503,
  [status.DATA_LOSS]: 500,
  [status.UNAUTHENTICATED]: 401,
};

/** Where a reason says more than the code it travels with. */
const BY_REASON: Readonly<Partial<Record<ErrorReason, number>>> = {
  [ErrorReason.MESSAGE_TOO_LARGE]: 413,
  [ErrorReason.LOGIN_CODE_WRONG]: 400,
  [ErrorReason.LOGIN_ENDED]: 400,
  [ErrorReason.TELEGRAM_REFUSED]: 400,
  [ErrorReason.TARGET_NOT_VERIFIED]: 403,
};

export function httpStatus({ code, reason }: Pick<DomainError, 'code' | 'reason'>): number {
  return BY_REASON[reason] ?? HTTP_STATUS[code] ?? 500;
}
