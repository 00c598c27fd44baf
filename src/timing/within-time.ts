// Bounds a wait by the wall clock, for what cannot be aborted itself.

/**
 * Waits for a promise, but not longer than this.
 * @param timeoutMs milliseconds
 * @param tooLate makes the error for a promise that is still open then; what becomes of it is ignored
 * @throws what the promise rejects with, or the error of `tooLate`
 */
export async function withinTime<T>(
  timeoutMs: number,
  running: Promise<T>,
  tooLate: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooLate()), timeoutMs);
  });
  // What outlives its time-out still ends; a rejection then must not end the process as unhandled.
  running.catch(() => undefined);
  try {
    return await Promise.race([running, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
