// What starts runners: the engine, and the sweep.
import { AT, BY, HANDLER, N, R, rowAt, runnerAt, STEP, T, tillAt } from '../layout.ts';
import { PASSAGES, passageSince } from '../time-line.ts';
import type { Moves } from './moves.ts';
import { isRowOpen, end, startRunner } from './rows.ts';

export function engine(m: Moves, v: number): void {
  const s = m.state;
  const row = rowAt(v);
  if (!isRowOpen(s, v)) return;
  const running = [0, 1].filter((slot) => s[runnerAt(v, slot) + N.at] !== AT.none).length;
  const workflow = s[row + R.workflow] as number;
  if (m.withTroubles) {
    // A runner that was taken for dead goes on.
    if (running === 1 && workflow === 1) {
      const n = m.fork();
      if (startRunner(n, v)) m.done('run_beside', v);
    }
    return;
  }
  if (workflow === 2) {
    const n = m.fork();
    n[row + R.workflow] = 1;
    if (startRunner(n, v)) m.done('late_start', v);
  }
  const isStranded = running === 0 && s[tillAt(v) + T.handler] !== HANDLER.stored;
  if (isStranded && workflow === 1) {
    const n = m.fork();
    startRunner(n, v);
    m.done('run', v);
  }
  if (passageSince(s, s[row + R.roundStarted] as number) >= PASSAGES.past_first_send) {
    if (m.may('end_too_late', v)) {
      const n = m.fork();
      end(n, v, STEP.not_attempted, BY.nobody);
      m.done('sweep_close', v);
    } else if (
      isStranded &&
      workflow !== 1 &&
      ((s[row + R.openSends] as number) > 0 || m.gateway.sweepStartsUnsent)
    ) {
      const n = m.fork();
      n[row + R.workflow] = 1;
      startRunner(n, v);
      m.done('run', v);
    }
  }
}
