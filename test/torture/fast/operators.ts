// People of one seed who step in: each looks at a record that is open and at what Douyin's own app shows of it, thinks, and says
// later how it ended, so that more may have been sent since. Mostly they say what they saw; sometimes they are mistaken.
import { AppError } from '../../../src/domain/errors.ts';
import type { Resolution } from '../oracle/ledgers.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

const LONGEST_PAUSE_MS = 30_000;
/** From the look at the record to the word. */
const LONGEST_THOUGHT_MS = 90_000;
const PATIENCE_MS = 20_000;
const MISTAKEN = 0.15;
/** A review lasts for days: nobody waits for that. */
const LONGEST_WAIT_MS = 120_000;
/** How many come back when they are told that a verify may be under way. */
const COMES_BACK = 0.6;

/** A record as an operator's list shows it. */
export interface OpenRow {
  readonly id: number;
  readonly round: number;
  readonly roundKey: string | null;
  readonly douyinVerifyToken: string;
}

export interface OperatorsParts {
  readonly stage: Stage;
  readonly random: Random;
  readonly someProcess: () => Promise<GatewayProcess>;
  readonly listOpen: () => Promise<readonly OpenRow[]>;
  /** Whether Douyin's own app shows that this token redeemed. */
  readonly isRedeemed: (douyinVerifyToken: string) => boolean;
}

/** What an operator said, and under which name the gateway keeps it if it takes it. */
export interface Word extends Omit<Required<Resolution>, 'isAccepted'> {
  readonly actor: string;
}

interface Heard {
  readonly told: NonNullable<Resolution['told']>;
  readonly retryAfterMs: number | null;
}

export class Operators {
  readonly words: Word[] = [];
  readonly #parts: OperatorsParts;

  constructor(parts: OperatorsParts) {
    this.#parts = parts;
  }

  /** One of them, until there is nothing left to do. */
  async workUntil(isOver: () => boolean): Promise<void> {
    const { stage, random, listOpen, isRedeemed } = this.#parts;
    while (!isOver()) {
      await stage.sleep(random.between(500, LONGEST_PAUSE_MS));
      await stage.gate();
      const open = await stage.external(listOpen);
      if (open.length === 0) continue;
      const row = random.pick(open);
      const seen = { atMs: stage.nowMs, isRedeemed: isRedeemed(row.douyinVerifyToken) };
      await stage.sleep(random.between(0, LONGEST_THOUGHT_MS));
      const isRight = !random.chance(MISTAKEN);
      const verifyStatus = seen.isRedeemed === isRight ? 'success' : 'failed';
      const retryAfterMs = await this.#say(row, verifyStatus, seen);
      if (retryAfterMs === null || retryAfterMs > LONGEST_WAIT_MS || !random.chance(COMES_BACK)) continue;
      await stage.sleep(retryAfterMs);
      await this.#say(row, verifyStatus, seen);
    }
  }

  /** @returns when to come back, if a verify may be under way */
  async #say(
    row: OpenRow,
    verifyStatus: 'success' | 'failed',
    seen: NonNullable<Resolution['seen']>,
  ): Promise<number | null> {
    const { stage, random, someProcess } = this.#parts;
    const process = await someProcess();
    const name = `operator-${this.words.length + 1}`;
    const askedAtMs = stage.nowMs;
    const isByTemporal = random.chance(0.2);
    const saying = process.perform<unknown>(() =>
      isByTemporal
        ? updateRun(process, row, verifyStatus, name)
        : process.resolve(row.id, verifyStatus, name),
    );
    const heard = await Promise.race<Heard>([
      saying.then(
        () => ({ told: 'taken', retryAfterMs: null }),
        (cause: unknown) => refusalOf(cause),
      ),
      stage.sleep(PATIENCE_MS).then(() => ({ told: 'nothing', retryAfterMs: null }) as const),
    ]);
    this.words.push({
      verificationId: row.id,
      verifyStatus,
      seen,
      askedAtMs,
      answeredAtMs: stage.nowMs,
      told: heard.told,
      actor: isByTemporal ? `temporal:${name}` : name,
    });
    return heard.retryAfterMs;
  }
}

/** The update of a run: an activity, and then the run goes on by what it decided. */
async function updateRun(
  process: GatewayProcess,
  { id, round, roundKey }: OpenRow,
  verifyStatus: 'success' | 'failed',
  updateId: string,
): Promise<void> {
  await process.activities.resolveVerification({
    verificationId: id,
    round,
    roundKey,
    verifyStatus,
    updateId,
  });
  await process.runner.lookNow(id, round);
}

function refusalOf(cause: unknown): Heard {
  const code = cause instanceof AppError ? cause.code : (cause as { type?: string }).type;
  switch (code) {
    case 'verification.not_processing':
    case 'verification.not_found':
      return { told: 'refused', retryAfterMs: null };
    case 'verification.send_in_flight': {
      const seconds = cause instanceof AppError ? Number(cause.data?.['retry_after_seconds']) : 60;
      return { told: 'send_in_flight', retryAfterMs: seconds * 1000 };
    }
    default:
      return { told: 'nothing', retryAfterMs: null };
  }
}
