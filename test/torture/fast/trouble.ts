// What goes wrong with the gateway's own parts in one seed, drawn from the seed. What goes wrong at Douyin is the
// simulator's fault plan.
import type { Disturbed } from '../oracle/ledgers.ts';
import type { Random } from './random.ts';

/** Each a chance per opportunity. */
export interface TroublePlan {
  /** A process dies at a gate. */
  readonly crash: number;
  /** A process stands still at a gate. */
  readonly pause: number;
  readonly maxPauseMs: number;
  /** The database does not take a statement. */
  readonly statement_refused: number;
  /** The database takes a statement and its answer is lost. */
  readonly statement_answer_lost: number;
  /** As before, and the process dies before it can do anything about it. */
  readonly statement_answer_lost_in_death: number;
  /** A process dies amid a transaction, after some of its statements. */
  readonly crash_in_transaction: number;
  /** A process's clock jumps. */
  readonly clock_jump: number;
  /** The engine certainly does not take a workflow. */
  readonly start_refused: number;
  /** The engine does not say whether it took a workflow. */
  readonly start_uncertain: number;
  /** A second runner of the same workflow beside the first. */
  readonly second_runner: number;
  /** The engine forgets a workflow whose process died. */
  readonly workflow_lost: number;
  readonly connection_refused: number;
  /** A request is long on its way. */
  readonly request_late: number;
  readonly maxTravelMs: number;
  /** How far a process's clock may be off from the start, and jump to, milliseconds. */
  readonly maxClockOffsetMs: number;
  /** Times at which the database is away, on the stage's clock. */
  readonly databaseOutages: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export type Strike = {
  [Name in keyof TroublePlan]: TroublePlan[Name] extends number ? Name : never;
}[keyof TroublePlan];

const LONGEST_MOMENT_MS = 2000;

export class Trouble {
  readonly #plan: TroublePlan;
  readonly #random: Random;
  #isOver = false;
  /** How often each thing happened. */
  readonly counts: Partial<Record<Strike, number>> = {};
  /** When each thing happened, as far as it can explain what a till was told. */
  readonly log: Disturbed[] = [];
  readonly #nowMs: () => number;

  /** @param nowMs the stage's clock */
  constructor(plan: TroublePlan, random: Random, nowMs: () => number) {
    this.#plan = plan;
    this.#random = random;
    this.#nowMs = nowMs;
    for (const outage of plan.databaseOutages)
      this.log.push({ what: 'database_away', holdsSends: false, ...outage });
  }

  /** From here on nothing goes wrong any more. */
  end(): void {
    this.#isOver = true;
  }

  strikes(strike: Strike): boolean {
    return this.#strikeFor(strike, () => 0) !== null;
  }

  /** How long a process stands still now; mostly not at all. */
  pauseMs(): number {
    return this.#strikeFor('pause', () => this.#upTo(this.#plan.maxPauseMs)) ?? 0;
  }

  /** How long a request is on its way. */
  travelMs(): number {
    return this.#strikeFor('request_late', () => this.#upTo(this.#plan.maxTravelMs)) ?? 0;
  }

  #strikeFor(strike: Strike, drawMs: () => number): number | null {
    if (this.#isOver || !this.#random.chance(this.#plan[strike])) return null;
    this.#count(strike);
    const lastsMs = drawMs();
    this.log.push({ what: strike, holdsSends: false, fromMs: this.#nowMs(), toMs: this.#nowMs() + lastsMs });
    return lastsMs;
  }

  /** A short while, milliseconds. */
  momentMs(): number {
    return this.#random.between(0, LONGEST_MOMENT_MS);
  }

  /** How many statements of a transaction are still made. */
  fewStatements(): number {
    return this.#random.between(0, 2);
  }

  /** How far a clock is off: from its start, or from a jump on. */
  clockOffsetMs(): number {
    const { maxClockOffsetMs } = this.#plan;
    return this.#random.between(-maxClockOffsetMs, maxClockOffsetMs);
  }

  isDatabaseAway(nowMs: number): boolean {
    if (this.#isOver) return false;
    return this.#plan.databaseOutages.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs);
  }

  /** Short ones are more frequent than long ones. */
  #upTo(maxMs: number): number {
    return 1 + Math.floor(maxMs ** this.#random.fraction());
  }

  #count(strike: Strike): void {
    this.counts[strike] = (this.counts[strike] ?? 0) + 1;
  }
}
