// The textbook way to redeem a coupon with Temporal: three regular activities in a row. A baseline, nothing to copy:
// coupon codes and tokens stand readable in its history.
import { proxyActivities } from '@temporalio/workflow';
import type { TextbookActivities, TextbookInput } from './contract.ts';

const { resolve, prepare, verify } = proxyActivities<TextbookActivities>({
  startToCloseTimeout: '10 seconds',
});

export async function TextbookVerify({ shortLink, poiId }: TextbookInput): Promise<string> {
  const encryptedData = await resolve(shortLink);
  const coupon = await prepare({ encryptedData, poiId });
  return verify({ ...coupon, poiId });
}
