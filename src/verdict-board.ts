// The in-process verdict board: waiting requests by verification id. Bounded by the requests in flight.
import type { Verification } from './domain/verification.ts';
import type { VerdictBoard } from './ports/verdict-board.ts';

export function createVerdictBoard(): VerdictBoard {
  interface Watcher {
    begin(): void;
    deliver(verification: Verification): void;
  }
  const watchers = new Map<number, Set<Watcher>>();
  return {
    begin(verificationId) {
      for (const watcher of watchers.get(verificationId) ?? []) watcher.begin();
    },
    publish(verification) {
      for (const watcher of watchers.get(verification.id) ?? []) watcher.deliver(verification);
    },
    watch(verificationId) {
      const begun = Promise.withResolvers<void>();
      const next = Promise.withResolvers<Verification>();
      const watcher: Watcher = { begin: begun.resolve, deliver: next.resolve };
      const waiting = watchers.get(verificationId) ?? new Set();
      watchers.set(verificationId, waiting.add(watcher));
      return {
        begun: begun.promise,
        next: next.promise,
        stop() {
          waiting.delete(watcher);
          if (waiting.size === 0) watchers.delete(verificationId);
        },
      };
    },
  };
}
