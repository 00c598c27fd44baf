// The in-process verdict board: waiting requests by verification id. Bounded by the requests in flight.
import type { Verification } from '../domain/verification.ts';
import type { VerdictBoard } from '../ports/verdict-board.ts';

export function createVerdictBoard(): VerdictBoard {
  const watchers = new Map<number, Set<(verification: Verification) => void>>();
  return {
    publish(verification) {
      for (const deliver of watchers.get(verification.id) ?? []) deliver(verification);
    },
    watch(verificationId) {
      const { promise, resolve } = Promise.withResolvers<Verification>();
      const waiting = watchers.get(verificationId) ?? new Set();
      watchers.set(verificationId, waiting.add(resolve));
      return {
        next: promise,
        stop() {
          waiting.delete(resolve);
          if (waiting.size === 0) watchers.delete(verificationId);
        },
      };
    },
  };
}
