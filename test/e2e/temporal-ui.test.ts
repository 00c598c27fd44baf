// What operators see and do in Temporal's UI, in a real browser: the steps of a verification in words, an enrichment that
// is stuck and why, and the signal that wakes it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { eventually } from '../support/eventually.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { SimulatorControl } from '../support/simulator-control.ts';
import { type StartedGateway, startGateway } from '../support/started-gateway.ts';
import { openTemporalUi, type TemporalUi } from '../support/temporal-ui.ts';
import { tillOf, type Till } from '../support/till.ts';

const MERCHANT_NOT_AUTHORISED = 2119005;

describe('Temporal’s UI', () => {
  const makeFolder = scratchFolders();
  let gateway: StartedGateway;
  let simulator: SimulatorControl;
  let till: Till;
  let ui: TemporalUi;

  beforeAll(async () => {
    gateway = await startGateway(await makeFolder(), { ENRICH_RETRY_DELAYS_MS: '100,200' });
    simulator = new SimulatorControl(gateway.simulatorUrl);
    till = tillOf(gateway);
    ui = await openTemporalUi(gateway.uiUrl);
  }, 90_000);

  afterAll(async () => {
    await ui?.close();
    await gateway?.end();
  }, 60_000);

  it('shows a verification’s steps in words, its outcome, and finds it by its store', async () => {
    const { id } = await till.redeem(await simulator.createOrder(), 'short_link');
    await ui.openWorkflow(
      `verify-${id}`,
      'history',
      '解析短链接 · resolve short link',
      '验券准备 · prepare',
      '核销 · verify',
      '补全订单（首次） · first enrichment try',
      'Workflow Execution Completed',
    );
    await ui.openWorkflow(
      `verify-${id}`,
      'user-metadata',
      `核销 · 门店 ${till.poiId}`,
      '核销成功 · redeemed',
    );
    const query = `PoiId="${till.poiId}" AND VerifyStatus="success" AND EnrichmentStatus="success"`;
    await ui.open(`/workflows?query=${encodeURIComponent(query)}`, `verify-${id}`);
  }, 90_000);

  it('shows why an enrichment is stuck, and completes it by a signal sent there', async () => {
    const order = await simulator.createOrder({ payAmountFen: 5500 });
    const removeFault = await simulator.addFault({
      kind: 'permission-missing',
      code: MERCHANT_NOT_AUTHORISED,
      endpoints: ['order_query'],
      orderId: order.order_id,
      count: 'always',
    });
    const { id, verify_token: verifyToken, verify_status: verifyStatus } = await till.redeem(order, 'code');
    expect(verifyStatus).toBe('success');
    await eventually(
      async () => (await till.client.findVerification(verifyToken))?.enrichment_status === 'stuck',
    );
    const stuckQuery = encodeURIComponent('EnrichmentStatus="stuck" AND ExecutionStatus="Running"');
    await ui.open(`/workflows?query=${stuckQuery}`, `enrich-${id}`);
    await ui.openWorkflow(
      `enrich-${id}`,
      'user-metadata',
      `补全订单 · 门店 ${till.poiId}`,
      '卡住',
      'Stuck',
      String(MERCHANT_NOT_AUTHORISED),
      'retryNow',
    );

    await removeFault();
    await ui.sendSignal('retryNow');
    const view = await eventually(async () => {
      const found = await till.client.findVerification(verifyToken);
      return found?.enrichment_status === 'success' ? found : null;
    });
    expect(view).toMatchObject({ verify_status: 'success', pay_amount: 5500, order_status: 1 });
    await ui.openWorkflow(`enrich-${id}`, 'user-metadata', 'COMPLETED', '订单数据已补全 · completed');
  }, 90_000);
});
