import { describe, expect, it } from '@jest/globals';
import { amountsOf, discountOf, knownAmounts, priceOfPrepared } from '../../src/domain/amounts.ts';
import type { Certificate } from '../../src/domain/coupon.ts';
import type { OrderDetails, OrderPart } from '../../src/domain/enrichment.ts';
import { buildCertificate, buildUse } from './factories.ts';

const USE = { certificateId: 'certificate-1', verifyId: 'use-1', isTimesCard: false };
const UNKNOWN = { payFen: null, discountFen: null };
const UNTOLD = { payAmountFen: null, originalAmountFen: null };

/** Every amount has a value of its own. */
const buildOrder = (changes: Partial<OrderDetails> = {}): OrderDetails => ({
  orderId: 'order-1',
  extOrderId: '',
  orderStatus: 201,
  productId: '',
  productName: '',
  skuId: '',
  skuName: '',
  payAmountFen: 30_000,
  receiptAmountFen: 29_000,
  discountAmountFen: 5000,
  couponCount: 1,
  parts: [],
  createOrderTime: null,
  payTime: null,
  ...changes,
});
const part = (certificateId: string, payFen: number | null = 11_000): OrderPart => ({
  certificateId,
  payAmountFen: payFen,
  receiptAmountFen: 10_500,
  discountAmountFen: 1200,
});
const buildCard = (changes: Partial<Certificate> = {}) =>
  buildCertificate({
    kind: 'times_card',
    timesCount: 3,
    payAmountFen: 30_000,
    originalAmountFen: 36_000,
    serialAmounts: [
      { serialNumber: 1, payFen: 9000, originalFen: 12_500 },
      { serialNumber: 2, payFen: 10_000, originalFen: 11_500 },
      { serialNumber: 3, payFen: 11_000, originalFen: null },
    ],
    uses: [
      buildUse({ verifyId: 'use-0', serialNumber: 1 }),
      buildUse({ verifyId: 'use-1', serialNumber: 2 }),
    ],
    lastUse: buildUse({ verifyId: 'use-2', serialNumber: 3 }),
    ...changes,
  });

describe('amountsOf', () => {
  it('takes the coupon’s own before its order’s', () => {
    expect(amountsOf(USE, UNKNOWN, buildCertificate(), buildOrder())).toEqual({
      payFen: 7900,
      discountFen: 2000,
      receiptFen: 29_000,
    });
  });

  it('takes what prepare told where get does not', () => {
    const known = { payFen: 7800, discountFen: 2100 };
    expect(amountsOf(USE, known, buildCertificate(UNTOLD), buildOrder())).toMatchObject(known);
    expect(amountsOf(USE, known, null, null)).toEqual({ ...known, receiptFen: null });
  });

  it('takes the coupon’s part of an order of several', () => {
    const order = buildOrder({ couponCount: 2, parts: [part('certificate-2', 9), part('certificate-1')] });
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), order)).toEqual({
      payFen: 11_000,
      receiptFen: 10_500,
      discountFen: 1200,
    });
  });

  it('takes the order’s total only where it has this one coupon', () => {
    const total = { payFen: 30_000, receiptFen: 29_000, discountFen: 5000 };
    const nothing = { payFen: null, receiptFen: null, discountFen: null };
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), buildOrder())).toEqual(total);
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), buildOrder({ couponCount: 2 }))).toEqual(
      nothing,
    );
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), buildOrder({ couponCount: null }))).toEqual(
      nothing,
    );
    const twice = buildOrder({ couponCount: 2, parts: [part('certificate-1'), part('certificate-1')] });
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), twice)).toEqual(nothing);
  });

  it('does not fill up a part with the order’s total', () => {
    const order = buildOrder({ couponCount: 2, parts: [part('certificate-1', null)] });
    expect(amountsOf(USE, UNKNOWN, buildCertificate(UNTOLD), order).payFen).toBeNull();
  });

  it('takes nothing from the order until the coupon is seen: it may be a card', () => {
    expect(amountsOf(USE, UNKNOWN, null, buildOrder())).toEqual({ ...UNKNOWN, receiptFen: null });
  });

  describe('of a times card', () => {
    const CARD_USE = { ...USE, isTimesCard: true };

    it('are this very use’s, and no use has the order’s', () => {
      expect(amountsOf(CARD_USE, UNKNOWN, buildCard(), buildOrder())).toEqual({
        payFen: 10_000,
        discountFen: 1500,
        receiptFen: null,
      });
      expect(amountsOf({ ...CARD_USE, verifyId: 'use-2' }, UNKNOWN, buildCard(), null)).toMatchObject({
        payFen: 11_000,
        discountFen: null,
      });
    });

    it('add up to the card’s price over all its uses', () => {
      const paid = ['use-0', 'use-1', 'use-2'].map(
        (verifyId) => amountsOf({ ...CARD_USE, verifyId }, UNKNOWN, buildCard(), buildOrder()).payFen,
      );
      expect(paid).toEqual([9000, 10_000, 11_000]);
    });

    it.each<[string, object, Partial<Certificate>]>([
      ['the use has no id', { verifyId: '' }, { uses: [buildUse({ verifyId: '', serialNumber: 1 })] }],
      ['the use is not listed', { verifyId: 'use-9' }, {}],
      ['the use has no number', {}, { uses: [buildUse({ verifyId: 'use-1' })] }],
      ['the card lists no prices', {}, { serialAmounts: [] }],
      ['only prepare knew that it is a card', {}, { kind: 'unknown', timesCount: null, serialAmounts: [] }],
    ])('are not known when %s', (_, use, changes) => {
      expect(amountsOf({ ...CARD_USE, ...use }, UNKNOWN, buildCard(changes), buildOrder())).toEqual({
        payFen: null,
        receiptFen: null,
        discountFen: null,
      });
    });

    it('are what the verify told, where the card does not tell', () => {
      const known = { payFen: 9900, discountFen: 100 };
      expect(amountsOf(CARD_USE, known, buildCard({ serialAmounts: [] }), buildOrder())).toMatchObject(known);
      expect(amountsOf(CARD_USE, known, null, buildOrder())).toMatchObject(known);
    });

    it('is known by the certificate too, when prepare did not tell that it is one', () => {
      expect(amountsOf(USE, UNKNOWN, buildCard({ kind: 'unknown' }), buildOrder())).toMatchObject({
        payFen: 10_000,
        receiptFen: null,
      });
    });
  });
});

describe('priceOfPrepared', () => {
  it('is the coupon’s own, and of a times card nothing', () => {
    expect(priceOfPrepared(buildCertificate())).toEqual({ payFen: 7900, originalFen: 9900 });
    expect(priceOfPrepared(buildCard())).toEqual({ payFen: null, originalFen: null });
    expect(priceOfPrepared(buildCertificate(UNTOLD))).toEqual({ payFen: null, originalFen: null });
  });
});

describe('discountOf', () => {
  it.each([
    [7900, 9900, 2000],
    [0, 9900, 9900],
    [9900, 7900, 0],
    [null, 9900, null],
    [7900, null, null],
  ])('%j paid of %j is a discount of %j', (payFen, originalFen, discount) => {
    expect(discountOf({ payFen, originalFen })).toBe(discount);
  });
});

describe('knownAmounts', () => {
  const record = { payAmount: 7900, discountAmount: 2000, isAmountKnown: true, isTimesCard: false };
  it.each([
    [{}, 7900, 2000],
    [{ payAmount: 0, discountAmount: 0 }, 0, null],
    [{ isAmountKnown: false }, null, null],
    [{ isTimesCard: true }, 7900, 2000],
    // Rows of an earlier release.
    [{ isAmountKnown: null }, 7900, 2000],
    [{ isAmountKnown: null, payAmount: 0 }, null, null],
    [{ isAmountKnown: null, isTimesCard: true }, null, null],
  ])('of %j is %j and %j', (changes, payFen, discountFen) => {
    expect(knownAmounts({ ...record, ...changes })).toEqual({ payFen, discountFen });
  });
});
