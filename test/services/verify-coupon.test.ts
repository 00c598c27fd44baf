// What a waiting till is told on the verdict board alone: the database shows it nothing after its request was stored.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DatabaseAwayError, type Database } from '../../src/db/unit-of-work.ts';
import type { Verification } from '../../src/domain/verification.ts';
import { resolveVerification } from '../../src/services/resolve-verification.ts';
import { verifyCoupon, type VerifyCouponInput } from '../../src/services/verify-coupon.ts';
import type { VerificationKey } from '../../workflows/contract.ts';
import { type Bench, openBench, type Runner, STORE } from '../activities/support.ts';

/** Long beside what these tests do: a till that is not told waits for all of it and gets `processing`. */
const BUDGET_MS = 20_000;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
afterEach(() => {
  bench.state.clearFaults();
});

/** Shows no row to whoever looks by its id. */
function blind(db: Database): Database {
  return {
    ...db,
    run: (work, timeoutMs) =>
      db.run((repositories) => {
        const verifications = Object.create(repositories.verifications, {
          findById: { value: () => Promise.reject(new DatabaseAwayError(false, {})) },
        }) as typeof repositories.verifications;
        return work({ ...repositories, verifications });
      }, timeoutMs),
  };
}

function requestOf(code: string, verifyToken: string | null): VerifyCouponInput {
  return {
    app: bench.app,
    nonce: {
      clientKey: 'till',
      nonce: randomUUID(),
      expiresAt: new Date(bench.clock.now().getTime() + 300_000),
    },
    requestId: 'test',
    receivedAtMs: performance.now(),
    verifyToken,
    mode: 'code',
    requestValue: code,
    poiId: STORE,
    operatorId: '',
    deviceId: '',
    note: '',
  };
}

/** Asks to verify; once the till waits, `meanwhile` happens in its process. */
async function ask(
  coupon: { readonly code: string },
  meanwhile: (runner: Runner, key: VerificationKey) => Promise<unknown>,
): Promise<Verification> {
  const runner = bench.startRunner();
  const started = Promise.withResolvers<VerificationKey>();
  const answering = verifyCoupon(
    {
      ...runner.deps,
      db: blind(runner.deps.db),
      budgetMs: BUDGET_MS,
      runner: {
        ...runner.deps.runner,
        start: (input) => {
          started.resolve(input);
          return Promise.resolve({ kind: 'started', here: true });
        },
      },
    },
    requestOf(coupon.code, null),
  );
  await meanwhile(runner, await started.promise);
  return answering;
}

async function verifyInVain(runner: Runner, key: VerificationKey): Promise<void> {
  bench.state.addFault({ kind: 'cut-before-effect', endpoints: ['verify'] });
  await runner.activities.prepareCoupon(key);
  await runner.activities.verifyCoupon(key);
}

const freshCoupon = () => bench.state.createOrder().coupons[0]!;

describe('a till that comes back with a token of which nothing was sent', () => {
  it('waits for the round that another request has opened, and is not told how the earlier one ended', async () => {
    const { code } = freshCoupon();
    const runner = bench.startRunner();
    const verifyToken = randomUUID();
    const key = await bench.accept({ requestValue: code, verifyToken });
    await runner.deps.db.run(({ verifications }) =>
      verifications.endNotAttempted(
        { id: key.verificationId, round: key.round, roundKey: key.roundKey ?? null },
        { reason: 'douyin.unavailable', douyin: null, relatedVerificationId: null },
      ),
    );
    let opened: VerificationKey | null = null;
    runner.interpose('before', 'reopen', async () => {
      const other = bench.startRunner();
      const row = await bench.row(key);
      const round = await other.deps.db.run(({ verifications }) =>
        verifications.reopen(row, {
          mode: 'code',
          requestId: 'other',
          roundKey: randomUUID(),
          waitedMs: 0,
        }),
      );
      opened = { verificationId: row.id, round: round?.round ?? 0, roundKey: round?.roundKey ?? null };
    });
    const answering = verifyCoupon({ ...runner.deps, budgetMs: BUDGET_MS }, requestOf(code, verifyToken));
    // What the earlier round’s run publishes late.
    runner.interpose('before', 'findById', async () => {
      runner.deps.board.publish({ ...(await bench.row(key)), round: 1, step: 'not_attempted' });
      await runner.activities.prepareCoupon(opened!);
      runner.interpose('before', 'findById', () => runner.activities.verifyCoupon(opened!));
    });
    expect(await answering).toMatchObject({ round: 2, step: 'settled', verifyStatus: 'success' });
  });
});

describe('a request that waited long before its row could be stored', () => {
  it('is not sent any more: its round began when it arrived', async () => {
    const runner = bench.startRunner();
    const order = bench.state.createOrder();
    const answering = verifyCoupon(
      {
        ...runner.deps,
        budgetMs: BUDGET_MS,
        runner: {
          ...runner.deps.runner,
          start: async (input) => {
            await runner.activities.prepareCoupon(input);
            return { kind: 'started', here: true };
          },
        },
      },
      {
        ...requestOf(order.coupons[0]!.code, null),
        receivedAtMs: performance.now() - runner.deps.policy.firstSendWithinMs - 1,
      },
    );
    await expect(answering).rejects.toMatchObject({ code: 'gateway.too_late' });
    expect(bench.state.calls({ endpoint: 'verify', orderId: order.orderId })).toHaveLength(0);
  });
});

describe('a start that the engine has not answered', () => {
  it('counts as a slow beginning', async () => {
    const runner = bench.startRunner();
    const beginnings: number[] = [];
    const answering = verifyCoupon(
      {
        ...runner.deps,
        budgetMs: BUDGET_MS,
        onBegun: (afterMs) => beginnings.push(afterMs),
        runner: {
          ...runner.deps.runner,
          start: () => Promise.resolve({ kind: 'uncertain', cause: new Error('no answer in time') }),
        },
      },
      requestOf(freshCoupon().code, null),
    );
    await expect(answering).rejects.toMatchObject({ code: 'gateway.engine_unavailable' });
    expect(beginnings).toHaveLength(1);
  });
});

describe('a waiting till is told', () => {
  it('Douyin’s verdict', async () => {
    const answer = await ask(freshCoupon(), async (runner, key) => {
      await runner.activities.prepareCoupon(key);
      await runner.activities.verifyCoupon(key);
    });
    expect(answer).toMatchObject({ step: 'settled', verifyStatus: 'success' });
  });

  it('that its verification waits for an operator', async () => {
    const answer = await ask(freshCoupon(), async (runner, key) => {
      await verifyInVain(runner, key);
      await runner.activities.lookUpVerification(key);
    });
    expect(answer).toMatchObject({ step: 'unsettled', verifyStatus: 'processing' });
  });

  it('an operator’s verdict that came by the API', async () => {
    const answer = await ask(freshCoupon(), async (runner, key) => {
      await verifyInVain(runner, key);
      const decision = { verifyStatus: 'success', note: 'seen in the console' } as const;
      const actor = { uid: 'operator', requestId: 'request' };
      await resolveVerification(runner.deps, key.verificationId, decision, actor);
    });
    expect(answer).toMatchObject({ step: 'settled', verifyStatus: 'success' });
  });

  it('an operator’s verdict that came by Temporal', async () => {
    const answer = await ask(freshCoupon(), async (runner, key) => {
      await verifyInVain(runner, key);
      const input = { verifyStatus: 'success', updateId: 'update' } as const;
      await runner.activities.resolveVerification({ ...input, ...key });
    });
    expect(answer).toMatchObject({ step: 'settled', verifyStatus: 'success' });
  });

  it('its own round’s verdict, and not an older one’s', async () => {
    const answer = await ask(freshCoupon(), async (runner, key) => {
      const row = await bench.row(key);
      runner.deps.board.publish({
        ...row,
        round: row.round - 1,
        step: 'not_attempted',
        verifyStatus: 'failed',
      });
      // The till has taken that off the board and waits again.
      await new Promise(setImmediate);
      await runner.activities.prepareCoupon(key);
      await runner.activities.verifyCoupon(key);
    });
    expect(answer).toMatchObject({ round: 1, step: 'settled', verifyStatus: 'success' });
  });
});
