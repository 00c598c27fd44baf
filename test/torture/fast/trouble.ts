// What goes wrong with the gateway's own parts in one seed, drawn from the seed. What goes wrong at Douyin is the
// simulator's fault plan.
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
  /** Times at which the database is away, on the stage's clock. */
  readonly databaseOutages: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export type Strike = {
  [Name in keyof TroublePlan]: TroublePlan[Name] extends number ? Name : never;
}[keyof TroublePlan];

export class Trouble {
  readonly #plan: TroublePlan;
  readonly #random: Random;
  #isOver = false;
  /** How often each thing happened. */
  readonly counts: Partial<Record<Strike, number>> = {};

  constructor(plan: TroublePlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
  }

  /** From here on nothing goes wrong any more. */
  end(): void {
    this.#isOver = true;
  }

  strikes(strike: Strike): boolean {
    if (this.#isOver || !this.#random.chance(this.#plan[strike])) return false;
    this.#count(strike);
    return true;
  }

  /** How long a process stands still now; mostly not at all. */
  pauseMs(): number {
    return this.strikes('pause') ? this.#upTo(this.#plan.maxPauseMs) : 0;
  }

  /** How long a request is on its way. */
  travelMs(): number {
    return this.strikes('request_late') ? this.#upTo(this.#plan.maxTravelMs) : 0;
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
