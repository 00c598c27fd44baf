// Runs that wait for long go on as new ones. The server of this test suggests it after some forty events already.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findTemporalCli, prepareCacheFolder } from '../../src/embedded/temporal-cli.ts';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/embedded/temporal.ts';
import {
  enrichWorkflowId,
  LOOK_NOW_SIGNAL,
  RESOLVE_UPDATE,
  RETRY_NOW_SIGNAL,
  verifyWorkflowId,
} from '../../workflows/contract.ts';
import { eventually } from '../support/eventually.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { scratchFolders } from '../support/scratch-folder.ts';
import { POI_ID, readVerification, verify } from './support.ts';

const SUGGESTED_AFTER_EVENTS = 40;
/** More tries than fit into one run. */
const ENRICH_DELAYS_MS = Array.from({ length: 10 }, () => 10);

/** Within this a round of them is over on a slow machine. */
const ROUND_OF_TRIES_MS = 60_000;

const newFolder = scratchFolders();
let temporal: EmbeddedTemporal;
let harness: Harness;
beforeAll(async () => {
  const report = () => undefined;
  temporal = await startEmbeddedTemporal({
    cliPath: await findTemporalCli({
      explicitPath: process.env['TEMPORAL_CLI'],
      cacheDir: await prepareCacheFolder(),
      report,
    }),
    dataDir: await newFolder(),
    storage: 'memory',
    preferredPort: 0,
    preferredUiPort: 0,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AFTER_EVENTS },
    report,
  });
  harness = await startHarness({
    env: {
      TEMPORAL_ADDRESS: temporal.address,
      // Nothing happens between two looks unless a signal makes it happen.
      SETTLE_LOOK_AGAIN_MS: '3600000',
      ENRICH_RETRY_DELAYS_MS: ENRICH_DELAYS_MS.join(),
    },
  });
}, 90_000);
afterAll(async () => {
  await harness?.close();
  await temporal?.stop();
});

const douyin = () => harness.simulator.state;
const workflow = (workflowId: string) => harness.gateway.temporal.client.workflow.getHandle(workflowId);

/** The run that is the workflow's now. */
async function describeRun(workflowId: string) {
  const { runId, historyLength, searchAttributes } = await workflow(workflowId).describe();
  return { runId, historyLength, searchAttributes };
}

/** Once nothing is under way in the run. */
async function historyLengthAtRest(workflowId: string): Promise<number> {
  const { historyLength } = await eventually(async () => {
    const description = await workflow(workflowId).describe();
    const { pendingActivities, pendingWorkflowTask } = description.raw;
    return pendingActivities?.length === 0 && !pendingWorkflowTask && description;
  });
  return historyLength;
}

/** A verification whose one send is lost and whose look-ups fail. */
async function unsettled() {
  const order = douyin().createOrder();
  const { orderId } = order;
  douyin().addFault({ kind: 'cut-after-effect', endpoints: ['verify'], orderId, count: 'always' });
  douyin().addFault({ kind: 'http-5xx-before-effect', endpoints: ['get'], orderId, count: 'always' });
  const { id } = await verify(harness, { requestValue: order.shortLink });
  const workflowId = verifyWorkflowId(id);
  await eventually(async () => (await readVerification(harness, id)).step === 'unsettled');
  const looks = () => douyin().calls({ orderId, endpoint: 'get' }).length;
  return { id, orderId, workflowId, looks };
}

/** Sends the signal, and waits until Douyin is asked because of it. */
async function lookNow({ workflowId, looks }: Awaited<ReturnType<typeof unsettled>>): Promise<void> {
  const before = looks();
  await workflow(workflowId).signal(LOOK_NOW_SIGNAL);
  await eventually(() => looks() > before);
}

describe('a verification that stays undecided', () => {
  it('goes on in a new run, obeys every signal on the way, and settles when Douyin is back', async () => {
    const waiting = await unsettled();
    const first = await describeRun(waiting.workflowId);
    const runs = new Set([first.runId]);
    while (runs.size < 3) {
      await lookNow(waiting);
      runs.add((await describeRun(waiting.workflowId)).runId);
    }
    await eventually(async () => {
      const { searchAttributes } = await describeRun(waiting.workflowId);
      expect(searchAttributes).toEqual({ ...first.searchAttributes, VerifyStatus: ['unsettled'] });
      return true;
    });
    douyin().clearFaults();
    await workflow(waiting.workflowId).signal(LOOK_NOW_SIGNAL);
    expect(await workflow(waiting.workflowId).result()).toMatchObject({ verifyStatus: 'success' });
    expect(await readVerification(harness, waiting.id)).toMatchObject({
      verifyStatus: 'success',
      step: 'settled',
    });
    expect(douyin().ledger({ orderId: waiting.orderId, kind: 'verified' })).toHaveLength(1);
  });

  it('takes a decision that comes while it goes on as new', async () => {
    const waiting = await unsettled();
    // With the signal and its task it is long enough: the next one makes it go on as new.
    while ((await historyLengthAtRest(waiting.workflowId)) < SUGGESTED_AFTER_EVENTS - 3)
      await lookNow(waiting);
    const [decided] = await Promise.all([
      workflow(waiting.workflowId).executeUpdate(RESOLVE_UPDATE, { args: [{ verifyStatus: 'success' }] }),
      workflow(waiting.workflowId).signal(LOOK_NOW_SIGNAL),
    ]);
    expect(decided).toMatchObject({ verifyStatus: 'success' });
    expect(await workflow(waiting.workflowId).result()).toMatchObject({ verifyStatus: 'success' });
    expect(await readVerification(harness, waiting.id)).toMatchObject({
      verifyStatus: 'success',
      step: 'settled',
    });
    douyin().clearFaults();
  });
});

describe('an enrichment that cannot complete', () => {
  it('goes on in new runs with its count of tries, is stuck after the last, and obeys retryNow', async () => {
    const order = douyin().createOrder();
    const { orderId } = order;
    douyin().addFault({ kind: 'permission-missing', endpoints: ['order_query'], orderId, count: 'always' });
    const { id } = await verify(harness, { requestValue: order.shortLink });
    const workflowId = enrichWorkflowId(id);
    const isStuck = async (tries: number) =>
      eventually(async () => {
        expect(await readVerification(harness, id)).toMatchObject({
          enrichmentStatus: 'stuck',
          enrichmentRetryCount: tries,
        });
        return true;
      }, ROUND_OF_TRIES_MS);
    // The try beside the reply, then one before each delay and one after the last.
    const triesOfARound = ENRICH_DELAYS_MS.length + 1;
    await isStuck(1 + triesOfARound);
    const stuck = await describeRun(workflowId);
    expect(await runsOf(workflowId)).toBeGreaterThan(1);

    await workflow(workflowId).signal(RETRY_NOW_SIGNAL);
    await isStuck(1 + 2 * triesOfARound);
    expect((await describeRun(workflowId)).runId).not.toBe(stuck.runId);
    expect((await describeRun(workflowId)).searchAttributes).toMatchObject({ PoiId: [POI_ID] });

    douyin().clearFaults();
    await workflow(workflowId).signal(RETRY_NOW_SIGNAL);
    await workflow(workflowId).result();
    expect(await readVerification(harness, id)).toMatchObject({ enrichmentStatus: 'success' });
  });
});

async function runsOf(workflowId: string): Promise<number> {
  const query = `WorkflowId = "${workflowId}"`;
  const runs = [];
  for await (const run of harness.gateway.temporal.client.workflow.list({ query })) runs.push(run);
  return runs.length;
}
