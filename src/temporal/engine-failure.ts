// What a failed call to Temporal means: did the engine certainly not take it, or may it have?
import { isGrpcServiceError } from '@temporalio/client';

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
export async function withinTime<T>(timeoutMs: number, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new EngineTimeoutError(`Temporal did not answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  // A call that outlives its time-out still ends, and its end is nobody's any more.
  call.catch(() => undefined);
  try {
    return await Promise.race([call, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
