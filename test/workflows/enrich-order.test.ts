import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { enrichWorkflowId, RETRY_NOW_SIGNAL } from '../../workflows/contract.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { keepHistory, readVerification, verify } from './support.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ env: { ENRICH_RETRY_DELAYS_MS: '3600000' } });
}, 60_000);
afterAll(() => harness.close());

describe('EnrichOrder', () => {
  it('is tried at once when an operator says so before the next try is due', async () => {
    const order = harness.simulator.state.createOrder();
    // The try beside the reply and the child's first one fail; the next is due in an hour.
    harness.simulator.state.addFault({
      kind: 'http-5xx-before-effect',
      endpoints: ['order_query'],
      orderId: order.orderId,
      count: 2,
    });
    const { id } = await verify(harness, { requestValue: order.shortLink });
    await eventually(async () => (await readVerification(harness, id)).enrichmentRetryCount === 2);

    const workflow = harness.gateway.temporal.client.workflow.getHandle(enrichWorkflowId(id));
    await workflow.signal(RETRY_NOW_SIGNAL);
    await workflow.result();
    await keepHistory(harness, enrichWorkflowId(id), 'enrich-retry-before-due');
    expect(await readVerification(harness, id)).toMatchObject({
      enrichmentStatus: 'success',
      verifyStatus: 'success',
    });
  });
});
