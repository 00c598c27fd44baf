// What the workflow tests share: asking for a verification, reading its row, and keeping its history for the replay test.
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Verification } from '../../src/domain/verification.ts';
import { verifyCoupon, type VerifyCouponInput } from '../../src/services/verify-coupon.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import type { Harness } from '../support/harness.ts';

export const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;
export const OTHER_POI_ID = SIMULATOR_DEFAULTS.stores[1].poiId;
export const HISTORIES_FOLDER = fileURLToPath(new URL('./histories', import.meta.url));

const BUDGET_MS = 5000;

/** Asks for a verification as the HTTP route does. */
export async function verify(harness: Harness, request: Partial<VerifyCouponInput>, budgetMs = BUDGET_MS) {
  return verifyCoupon({ ...harness.gateway, budgetMs }, verifyInput(harness, request));
}

export function verifyInput(harness: Harness, request: Partial<VerifyCouponInput>): VerifyCouponInput {
  return {
    app: harness.app,
    nonce: {
      clientKey: harness.app.clientKey,
      nonce: randomUUID(),
      expiresAt: new Date(Date.now() + 300_000),
    },
    requestId: randomUUID(),
    receivedAtMs: performance.now(),
    mode: 'short_link',
    requestValue: '',
    poiId: POI_ID,
    verifyToken: randomUUID(),
    operatorId: 'cashier-1',
    deviceId: 'till-1',
    note: '',
    ...request,
  };
}

export async function readVerification(harness: Harness, id: number): Promise<Verification> {
  const row = await harness.gateway.db.run((repositories) => repositories.verifications.findById(id));
  if (!row) throw new Error(`There is no verification ${id}`);
  return row;
}

/** Writes a history for replay.test.ts when SAVE_HISTORIES is set: `npm run histories`. */
export async function keepHistory(harness: Harness, workflowId: string, path: string): Promise<void> {
  if (!process.env['SAVE_HISTORIES']) return;
  const history = await harness.gateway.temporal.client.workflow.getHandle(workflowId).fetchHistory();
  await mkdir(HISTORIES_FOLDER, { recursive: true });
  // Stack traces name files; where this checkout lies is nobody's business.
  const text = historyToJSON(history).replaceAll(process.cwd() + sep, '');
  await writeFile(`${HISTORIES_FOLDER}/${path}.json`, text);
}
