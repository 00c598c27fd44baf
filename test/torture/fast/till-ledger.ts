// What the tills of one seed asked and were told, in the order it happened.
import { AppError } from '../../../src/domain/errors.ts';
import type { Verification } from '../../../src/domain/verification.ts';
import { STATUS_BY_KIND } from '../../../src/http/error-response.ts';
import { presentVerification } from '../../../src/http/presenters/present-verification.ts';
import type { ClientEntry, SeenRecord, SentRequest } from '../oracle/ledgers.ts';
import type { Stage } from './stage.ts';

/** A verification with what its cashier was advised. */
export interface Told {
  readonly verification: Verification;
  readonly advice: string;
}

export type Outcome =
  | { readonly kind: 'told'; readonly told: Told }
  | { readonly kind: 'failed'; readonly cause: unknown }
  | { readonly kind: 'nothing' };

/** What a till makes of it. */
export type Heard =
  | { readonly kind: 'record'; readonly record: SeenRecord }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'nothing' };

export class TillLedger {
  readonly entries: ClientEntry[] = [];
  readonly #stage: Stage;
  #requests = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  begin(request: Pick<SentRequest, 'till' | 'app' | 'operation' | 'token'>): number {
    this.#requests += 1;
    this.entries.push({ kind: 'request', request: this.#requests, atMs: this.#stage.nowMs, ...request });
    return this.#requests;
  }

  end(request: number, outcome: Outcome): Heard {
    const common = { request, atMs: this.#stage.nowMs };
    switch (outcome.kind) {
      case 'told': {
        const record = seen(outcome.told);
        this.entries.push({ kind: 'answer', ...common, status: 200, code: null, record });
        return { kind: 'record', record };
      }
      case 'failed': {
        const { cause } = outcome;
        const [status, code] =
          cause instanceof AppError
            ? [STATUS_BY_KIND[cause.kind], cause.code]
            : [500, `threw ${String(cause)}`];
        const detail = cause instanceof AppError ? cause.message : '';
        this.entries.push({ kind: 'answer', ...common, status, code, record: null, detail });
        return { kind: 'error', code };
      }
      case 'nothing':
        this.entries.push({ kind: 'no_answer', ...common, cause: 'gave up' });
        return { kind: 'nothing' };
    }
  }
}

/** As the API would show it. */
function seen({ verification, advice }: Told): SeenRecord {
  const { douyin_response: _, ...view } = presentVerification(verification, advice, 'zh');
  return view;
}
