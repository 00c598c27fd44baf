// What a failed call to Temporal means: did the engine certainly not take it, or may it have?
import { isGrpcServiceError } from '@temporalio/client';
import { withinTime } from '../timing/within-time.ts';

/** gRPC codes with which the server says that it did nothing (https://grpc.io/docs/guides/status-codes/). */
const REFUSALS = new Map<number, string>([
  [3, 'INVALID_ARGUMENT'],
  [5, 'NOT_FOUND'],
  [7, 'PERMISSION_DENIED'],
  [8, 'RESOURCE_EXHAUSTED'],
  [9, 'FAILED_PRECONDITION'],
  [12, 'UNIMPLEMENTED'],
  [16, 'UNAUTHENTICATED'],
]);

/** Whether the engine certainly did not take the call. */
export function isCertainRefusal(err: unknown): boolean {
  const cause = err instanceof Error && err.cause !== undefined ? err.cause : err;
  return [err, cause].some((candidate) => isGrpcServiceError(candidate) && REFUSALS.has(candidate.code));
}

export class EngineTimeoutError extends Error {
  override readonly name = 'EngineTimeoutError';
}

/** Bounds a call by the wall clock: the native connection can neither be aborted nor trusted with deadlines. */
export function withinEngineTime<T>(timeoutMs: number, call: Promise<T>): Promise<T> {
  return withinTime(
    timeoutMs,
    call,
    () => new EngineTimeoutError(`Temporal did not answer in ${timeoutMs} ms`),
  );
}
