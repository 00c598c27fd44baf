import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { AppError } from '../../src/domain/errors.ts';
import { resolveVerification } from '../../src/services/resolve-verification.ts';
import {
  enrichWorkflowId,
  LOOK_NOW_SIGNAL,
  RESOLVE_UPDATE,
  type ResolveInput,
  RETRY_NOW_SIGNAL,
  verifyWorkflowId,
} from '../../workflows/contract.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { keepHistory, OTHER_POI_ID, POI_ID, readVerification, verify, verifyInput } from './support.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.close());
afterEach(() => harness.simulator.state.clearFaults());

const state = () => harness.simulator.state;
const workflow = (workflowId: string) => harness.gateway.temporal.client.workflow.getHandle(workflowId);
const statusOf = async (workflowId: string) => (await workflow(workflowId).describe()).status.name;

/** Waits until the workflow is over, and keeps its history under `path`. */
async function finished(id: number, path: string, round = 1): Promise<void> {
  await workflow(verifyWorkflowId(id, round)).result();
  await keepHistory(harness, verifyWorkflowId(id, round), path);
}

function effectsOf(orderId: string): number {
  return state().ledger({ orderId, kind: 'verified' }).length;
}

describe('VerifyCoupon', () => {
  describe('success', () => {
    it('redeems by short link, once, and completes the order', async () => {
      const order = state().createOrder();
      const verification = await verify(harness, { requestValue: order.shortLink });
      expect(verification).toMatchObject({
        verifyStatus: 'success',
        step: 'settled',
        sendCount: 1,
        errorCode: 0,
      });
      await finished(verification.id, 'verify-short-link');
      expect(effectsOf(order.orderId)).toBe(1);
      expect(await readVerification(harness, verification.id)).toMatchObject({
        enrichmentStatus: 'success',
        couponStatus: 'USED',
        orderStatus: 1,
        payAmount: order.payAmountFen,
      });
    });

    it('redeems by plain code, which never goes to verify', async () => {
      const order = state().createOrder();
      const verification = await verify(harness, { mode: 'code', requestValue: order.coupons[0]!.code });
      expect(verification.verifyStatus).toBe('success');
      await finished(verification.id, 'verify-code');
      const calls = state().calls({ orderId: order.orderId });
      expect(calls.filter((call) => call.endpoint === 'prepare')).toHaveLength(1);
      expect(calls.filter((call) => call.endpoint === 'verify')).toHaveLength(1);
    });

    it('redeems what the caller has prepared, without preparing again', async () => {
      const order = state().createOrder();
      const prepared = await harness.gateway.douyin.prepare({ code: order.coupons[0]!.code }, POI_ID);
      if (prepared.kind !== 'prepared') throw new Error('The simulator did not prepare');
      const verification = await verify(harness, {
        mode: 'encrypted_code',
        requestValue: prepared.order.certificates[0]!.encryptedCode,
        verifyToken: prepared.order.verifyToken,
      });
      expect(verification).toMatchObject({ verifyStatus: 'success', orderId: order.orderId });
      await finished(verification.id, 'verify-encrypted-code');
      expect(state().calls({ orderId: order.orderId, endpoint: 'prepare' })).toHaveLength(1);
    });

    it('takes the first usable coupon of several', async () => {
      const order = state().createOrder({ coupons: 2 });
      state().changeCoupon(order.coupons[0]!.certificateId, { action: 'set_status', status: 'refunded' });
      const verification = await verify(harness, { requestValue: order.shortLink });
      expect(verification.certificateId).toBe(order.coupons[1]!.certificateId);
      await workflow(verifyWorkflowId(verification.id)).result();
    });
  });

  describe('repeats of a token', () => {
    it('answers twenty requests at once with one effect and equal records', async () => {
      const order = state().createOrder();
      const verifyToken = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => verify(harness, { requestValue: order.shortLink, verifyToken })),
      );
      expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
      expect(new Set(answers.map((answer) => answer.verifyStatus))).toEqual(new Set(['success']));
      expect(effectsOf(order.orderId)).toBe(1);
      expect(state().calls({ orderId: order.orderId, endpoint: 'prepare' })).toHaveLength(1);
    });

    it('refuses the token for another request', async () => {
      const [first, second] = [state().createOrder(), state().createOrder()];
      const verifyToken = randomUUID();
      await verify(harness, { requestValue: first.shortLink, verifyToken });
      await expect(verify(harness, { requestValue: second.shortLink, verifyToken })).rejects.toMatchObject({
        code: 'verification.token_reused',
      });
      expect(effectsOf(second.orderId)).toBe(0);
    });

    it('tries again what ended before anything was consumed', async () => {
      const order = state().createOrder();
      const verifyToken = randomUUID();
      state().addFault({ kind: 'http-5xx-before-effect', endpoints: ['prepare'] });
      await expect(verify(harness, { requestValue: order.shortLink, verifyToken })).rejects.toMatchObject({
        code: 'douyin.unavailable',
      });
      const second = await verify(harness, { requestValue: order.shortLink, verifyToken });
      expect(second).toMatchObject({ verifyStatus: 'success', round: 2 });
      await finished(second.id, 'verify-second-round', 2);
      expect(effectsOf(order.orderId)).toBe(1);
    });

    it('tries again beside the workflow of the round before, which may still run or arrive late', async () => {
      const order = state().createOrder();
      const verifyToken = randomUUID();
      state().addFault({ kind: 'http-5xx-before-effect', endpoints: ['prepare'] });
      const err: unknown = await verify(harness, { requestValue: order.shortLink, verifyToken }).catch(
        (caught: unknown) => caught,
      );
      const id = (err as AppError).data!['verification_id'] as number;
      await workflow(verifyWorkflowId(id)).result();
      // Nobody serves this queue: it stays open under the id that the first round had.
      const late = await harness.gateway.temporal.client.workflow.start('VerifyCoupon', {
        workflowId: verifyWorkflowId(id),
        taskQueue: 'nobody',
        args: [],
      });
      const second = await verify(harness, { requestValue: order.shortLink, verifyToken });
      expect(second).toMatchObject({ id, verifyStatus: 'success', round: 2 });
      await late.terminate();
    });

    it('starts by a repeat what was accepted and never started', async () => {
      const order = state().createOrder();
      const input = verifyInput(harness, { requestValue: order.shortLink, verifyToken: randomUUID() });
      const accepted = await harness.gateway.db.run(({ verifications }) =>
        verifications.accept(
          {
            ...input,
            verifyToken: input.verifyToken ?? '',
            appId: input.app.id,
            appName: '',
            appCode: '',
            roundKey: randomUUID(),
            waitedMs: 0,
          },
          input.nonce,
        ),
      );
      expect(accepted.kind).toBe('accepted');
      await harness.gateway.orm.em
        .fork()
        .execute(`update verifications set updated_at = now() - interval '4 s' where verify_token = ?`, [
          input.verifyToken,
        ]);
      const repeated = await verify(harness, {
        requestValue: order.shortLink,
        verifyToken: input.verifyToken,
      });
      expect(repeated).toMatchObject({ verifyStatus: 'success', round: 1 });
      expect(effectsOf(order.orderId)).toBe(1);
    });
  });

  describe('not attempted', () => {
    it('refuses a link that holds no coupon, and says which verification it was', async () => {
      const err: unknown = await verify(harness, {
        requestValue: `${harness.simulator.url}/s/nothing/`,
      }).catch((caught: unknown) => caught);
      expect(err).toBeInstanceOf(AppError);
      const { code, data } = err as AppError;
      expect(code).toBe('coupon.short_link_invalid');
      await finished(data!['verification_id'] as number, 'verify-link-invalid');
    });

    it('leaves the coupon alone when Douyin refuses the gateway at verify', async () => {
      const order = state().createOrder();
      state().addFault({ kind: 'ip-not-listed', endpoints: ['verify'], orderId: order.orderId });
      const err: unknown = await verify(harness, { requestValue: order.shortLink }).catch(
        (caught: unknown) => caught,
      );
      expect(err).toMatchObject({ code: 'douyin.refused_gateway', data: { douyin_error_code: 2100007 } });
      await finished((err as AppError).data!['verification_id'] as number, 'verify-gateway-refused');
      expect(effectsOf(order.orderId)).toBe(0);
    });
  });

  describe('failed', () => {
    it('says so when prepare lists nothing usable, and does not call verify', async () => {
      const order = state().createOrder({ couponStatus: 'refunded' });
      const verification = await verify(harness, { requestValue: order.shortLink });
      expect(verification).toMatchObject({
        verifyStatus: 'failed',
        step: 'settled',
        enrichmentStatus: 'skipped',
      });
      await finished(verification.id, 'verify-nothing-usable');
      expect(state().calls({ orderId: order.orderId, endpoint: 'verify' })).toHaveLength(0);
    });

    it('is a failure, and not ours, when another till was faster', async () => {
      const order = state().createOrder();
      // The other till redeems between our prepare and our verify.
      state().addFault({
        kind: 'latency-before-effect',
        endpoints: ['verify'],
        orderId: order.orderId,
        delayMs: 300,
      });
      const verifying = verify(harness, { requestValue: order.shortLink });
      await eventually(() => state().calls({ orderId: order.orderId, endpoint: 'prepare' }).length === 1);
      state().useCouponAtTill(order.coupons[0]!.certificateId, { poiId: OTHER_POI_ID });
      const verification = await verifying;
      expect(verification).toMatchObject({
        verifyStatus: 'failed',
        errorCode: 1208,
        relatedVerificationId: null,
      });
      await finished(verification.id, 'verify-refused');
    });

    it('is told to the waiting till also when Douyin says "used" as an error code', async () => {
      const order = state().createOrder({ refusalAs: 'error_code' });
      state().addFault({
        kind: 'latency-before-effect',
        endpoints: ['verify'],
        orderId: order.orderId,
        delayMs: 300,
      });
      const verifying = verify(harness, { requestValue: order.shortLink });
      await eventually(() => state().calls({ orderId: order.orderId, endpoint: 'prepare' }).length === 1);
      state().useCouponAtTill(order.coupons[0]!.certificateId, { poiId: OTHER_POI_ID });
      expect(await verifying).toMatchObject({ verifyStatus: 'failed', errorCode: 1208, sendCount: 1 });
      expect(state().calls({ orderId: order.orderId, endpoint: 'verify' })).toHaveLength(1);
    });
  });

  describe('unknown', () => {
    it('ends as success with one effect when the answer was lost after the effect', async () => {
      const order = state().createOrder();
      state().addFault({ kind: 'hang-after-effect', endpoints: ['verify'], orderId: order.orderId });
      const answer = await verify(harness, { requestValue: order.shortLink });
      expect(['processing', 'success']).toContain(answer.verifyStatus);
      await finished(answer.id, 'verify-repeat');
      expect(await readVerification(harness, answer.id)).toMatchObject({
        verifyStatus: 'success',
        sendCount: 2,
      });
      expect(effectsOf(order.orderId)).toBe(1);
    });

    it('ends as success with one effect when the request was lost before the effect', async () => {
      const order = state().createOrder();
      state().addFault({ kind: 'cut-before-effect', endpoints: ['verify'], orderId: order.orderId });
      const answer = await verify(harness, { requestValue: order.shortLink });
      await finished(answer.id, 'verify-repeat-after-cut');
      expect(await readVerification(harness, answer.id)).toMatchObject({ verifyStatus: 'success' });
      expect(effectsOf(order.orderId)).toBe(1);
    });

    it('answers processing when the budget ends first', async () => {
      const order = state().createOrder();
      // Every send is lost, so that no repeat can be faster than the budget.
      state().addFault({
        kind: 'hang-after-effect',
        endpoints: ['verify'],
        orderId: order.orderId,
        count: 'always',
      });
      const answer = await verify(harness, { requestValue: order.shortLink }, 1500);
      expect(answer.verifyStatus).toBe('processing');
      await workflow(verifyWorkflowId(answer.id)).result();
      expect(effectsOf(order.orderId)).toBe(1);
    });

    it('is decided by a look-up when every repeat is lost', async () => {
      const order = state().createOrder();
      state().addFault({
        kind: 'cut-after-effect',
        endpoints: ['verify'],
        orderId: order.orderId,
        count: 'always',
      });
      const answer = await verify(harness, { requestValue: order.shortLink });
      await finished(answer.id, 'verify-look-up');
      expect(await readVerification(harness, answer.id)).toMatchObject({
        verifyStatus: 'success',
        couponStatus: 'USED',
      });
      expect(effectsOf(order.orderId)).toBe(1);
    });

    /** Repeats and look-ups have come to nothing: the till is told, and an operator is waited for. */
    async function unsettled() {
      const order = state().createOrder();
      state().addFault({
        kind: 'cut-before-effect',
        endpoints: ['verify'],
        orderId: order.orderId,
        count: 'always',
      });
      const answer = await verify(harness, { requestValue: order.shortLink });
      await eventually(async () => (await readVerification(harness, answer.id)).step === 'unsettled');
      return { order, answer, run: workflow(verifyWorkflowId(answer.id)) };
    }

    it('waits for an operator when look-ups do not decide, and takes the operator’s word', async () => {
      const { answer, run } = await unsettled();
      // Refused until no send can arrive any more.
      await eventually(() =>
        run.executeUpdate(RESOLVE_UPDATE, { args: [{ verifyStatus: 'failed' }] }).then(
          () => true,
          () => false,
        ),
      );
      await finished(answer.id, 'verify-resolved');
      expect(await readVerification(harness, answer.id)).toMatchObject({
        verifyStatus: 'failed',
        step: 'settled',
        reason: 'verification.resolved_by_operator',
      });
    });

    it.each<[string, unknown[]]>([
      ['nothing', []],
      ['no status', [{}]],
      ['a misspelt status', [{ verifyStatus: 'fail' }]],
      ['text', ['failed']],
      ['null', [null]],
      ['another verification’s id', [{ verifyStatus: 'failed', verificationId: 1 }]],
      ['an actor of its own', [{ verifyStatus: 'failed', actor: 'admin' }]],
      ['two decisions', [{ verifyStatus: 'failed' }, { verifyStatus: 'success' }]],
    ])('refuses a decision that is %s, at once, and goes on waiting', async (_what, args) => {
      const { answer, run } = await unsettled();
      await expect(run.executeUpdate(RESOLVE_UPDATE, { args: args as [ResolveInput] })).rejects.toThrow(
        WorkflowUpdateFailedError,
      );
      expect(await readVerification(harness, answer.id)).toMatchObject({ step: 'unsettled' });
      await run.terminate();
    });
  });

  describe('enrichment', () => {
    it('goes on in a child workflow when the first try finds no order yet', async () => {
      const order = state().createOrder();
      state().addFault({
        kind: 'http-5xx-before-effect',
        endpoints: ['order_query'],
        orderId: order.orderId,
      });
      const verification = await verify(harness, { requestValue: order.shortLink });
      await finished(verification.id, 'verify-enrich-child');
      await workflow(enrichWorkflowId(verification.id)).result();
      await keepHistory(harness, enrichWorkflowId(verification.id), 'enrich-second-try');
      expect(await readVerification(harness, verification.id)).toMatchObject({
        enrichmentStatus: 'success',
        enrichmentRetryCount: 1,
      });
    });

    it('becomes stuck in the open, says why, and completes after retryNow', async () => {
      const order = state().createOrder();
      state().addFault({
        kind: 'permission-missing',
        endpoints: ['order_query'],
        orderId: order.orderId,
        count: 'always',
      });
      const verification = await verify(harness, { requestValue: order.shortLink });
      const workflowId = enrichWorkflowId(verification.id);
      await eventually(
        async () => (await readVerification(harness, verification.id)).enrichmentStatus === 'stuck',
      );
      expect((await readVerification(harness, verification.id)).verifyStatus).toBe('success');
      expect(await statusOf(workflowId)).toBe('RUNNING');
      await eventually(async () => {
        const { typedSearchAttributes } = await workflow(workflowId).describe();
        return JSON.stringify(typedSearchAttributes.getAll()).includes('stuck');
      });

      state().clearFaults();
      await workflow(workflowId).signal(RETRY_NOW_SIGNAL);
      await workflow(workflowId)
        .signal(RETRY_NOW_SIGNAL)
        .catch(() => undefined);
      await workflow(workflowId).result();
      await keepHistory(harness, workflowId, 'enrich-stuck-retry-now');
      expect(await readVerification(harness, verification.id)).toMatchObject({
        enrichmentStatus: 'success',
        verifyStatus: 'success',
      });
    });
  });

  it('keeps codes, links, tokens and names out of every history', async () => {
    const order = state().createOrder();
    const verification = await verify(harness, { requestValue: order.shortLink, note: '备注-不应出现' });
    await workflow(verifyWorkflowId(verification.id)).result();
    const row = await readVerification(harness, verification.id);
    const history = JSON.stringify(
      await workflow(verifyWorkflowId(verification.id)).fetchHistory(),
      (_key, value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : (value as unknown),
    );
    const decoded = history.replaceAll(/"([A-Za-z0-9+/]{16,}={0,2})"/g, (_match, text: string) =>
      Buffer.from(text, 'base64').toString('utf8'),
    );
    const secrets = [
      row.requestValue, row.verifyToken, row.douyinVerifyToken, row.encryptedCode, row.encryptedData, row.originCode,
      row.note, order.coupons[0]!.code, order.shortLinkId, harness.secret,
    ]; // prettier-ignore
    for (const secret of secrets) {
      expect(secret).not.toBe('');
      expect(history).not.toContain(secret);
      expect(decoded).not.toContain(secret);
    }
  });
});

describe('VerifyCoupon between two looks that are an hour apart', () => {
  let patient: Harness;
  beforeAll(async () => {
    patient = await startHarness({ env: { SETTLE_LOOK_AGAIN_MS: '3600000' } });
  }, 60_000);
  afterAll(() => patient.close());

  /** Its one send was lost, and Douyin could not be asked since. */
  async function unsettled() {
    const { state: douyin } = patient.simulator;
    const order = douyin.createOrder();
    const { orderId } = order;
    douyin.addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId, count: 'always' });
    douyin.addFault({ kind: 'http-5xx-before-effect', endpoints: ['get'], orderId, count: 'always' });
    const answer = await verify(patient, { requestValue: order.shortLink });
    await eventually(async () => (await readVerification(patient, answer.id)).step === 'unsettled');
    const run = patient.gateway.temporal.client.workflow.getHandle(verifyWorkflowId(answer.id));
    return { answer, run, douyin };
  }

  it('looks at once when it is told to', async () => {
    const { answer, run, douyin } = await unsettled();
    douyin.clearFaults();
    await run.signal(LOOK_NOW_SIGNAL);
    expect(await run.result()).toMatchObject({ verifyStatus: 'success' });
    await keepHistory(patient, verifyWorkflowId(answer.id), 'verify-look-now');
    expect(await readVerification(patient, answer.id)).toMatchObject({ verifyStatus: 'success' });
  });

  it('ends as soon as an operator has decided through the API', async () => {
    const { answer, run, douyin } = await unsettled();
    const decided = await resolveVerification(
      patient.gateway,
      answer.id,
      { verifyStatus: 'success', note: '来客后台显示已核销' },
      { uid: 'ops-7', requestId: 'request-1' },
    );
    expect(decided).toMatchObject({ verifyStatus: 'success' });
    douyin.clearFaults();
    expect(await run.result()).toMatchObject({ verifyStatus: 'success' });
    const history = JSON.stringify(await run.fetchHistory());
    expect(history).not.toContain('来客后台显示已核销');
    expect(history).not.toContain('ops-7');
  });
});
