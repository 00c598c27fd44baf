// Complete domain objects for the tests, each field of which a test may change.
import type { Certificate, CertificateUse } from '../../src/domain/coupon.ts';

export function buildCertificate(changes: Partial<Certificate> = {}): Certificate {
  return {
    encryptedCode: 'encrypted-1',
    certificateId: 'certificate-1',
    status: 'UNUSED',
    originCode: '',
    startTime: new Date('2026-03-01T00:00:00Z'),
    expireTime: new Date('2026-06-01T00:00:00Z'),
    productId: 'product-1',
    skuId: 'sku-1',
    skuTitle: '双人下午茶套餐',
    thirdSkuId: '',
    kind: 'package',
    payAmountFen: 7900,
    originalAmountFen: 9900,
    timesCount: null,
    timesUsed: null,
    serialAmounts: [],
    lastUse: null,
    uses: [],
    sourceOrderId: '',
    ...changes,
  };
}

export function buildUse(changes: Partial<CertificateUse> = {}): CertificateUse {
  return {
    verifyId: 'use-1',
    verifyTime: new Date('2026-03-15T10:00:00Z'),
    channel: 'open_api',
    poiId: 'store-1',
    serialNumber: null,
    canCancel: null,
    isCancelled: false,
    cancelledAt: null,
    ...changes,
  };
}
