// The three calls to Douyin that redeem a coupon from its short link, by the gateway's own client and with nothing else
// around them: no row, no workflow. What the baselines are made of.
import type { Core } from '../src/deps.ts';
import type { TextbookActivities } from './textbook/contract.ts';

export function douyinCalls({ douyin, shortLinks }: Pick<Core, 'douyin' | 'shortLinks'>): TextbookActivities {
  return {
    async resolve(shortLink) {
      const resolution = await shortLinks.resolve(shortLink);
      if (resolution.kind !== 'resolved') throw new Error('The short link holds no coupon');
      return resolution.encryptedData;
    },
    async prepare({ encryptedData, poiId }) {
      const prepared = await douyin.prepare({ encryptedData }, poiId);
      const certificate = prepared.kind === 'prepared' ? prepared.order.certificates[0] : undefined;
      if (prepared.kind !== 'prepared' || !certificate) throw new Error('Prepare listed no coupon');
      return { douyinVerifyToken: prepared.order.verifyToken, encryptedCode: certificate.encryptedCode };
    },
    async verify({ douyinVerifyToken, encryptedCode, poiId }) {
      const outcome = await douyin.verify({
        douyinVerifyToken,
        encryptedCode,
        poiId,
        attempt: 'first',
        isCallerSupplied: false,
      });
      return outcome.kind;
    },
  };
}
