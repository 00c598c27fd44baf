// What one redemption is worth: the coupon's own money, never that of its whole order or of all uses of a card. Where
// nothing tells a coupon's own, it is not known: a wrong amount in a report is worse than one that is counted as missing.
import type { Certificate } from './coupon.ts';
import type { OrderDetails } from './enrichment.ts';
import type { Verification } from './verification.ts';

/** Fen; null where it is not known. */
export interface Amounts {
  readonly payFen: number | null;
  /** What the merchant receives. Only the order tells it. */
  readonly receiptFen: number | null;
  readonly discountFen: number | null;
}

/** An amount and its list price, as Douyin tells them of a coupon or of one use; null where it does not. */
export interface Price {
  readonly payFen: number | null;
  readonly originalFen: number | null;
}

/** The redemption that is asked about. */
export interface RedeemedUse {
  readonly certificateId: string;
  readonly verifyId: string;
  readonly isTimesCard: boolean;
}

/** Nothing is told. */
export const NO_PRICE: Price = { payFen: null, originalFen: null };

/** What the coupon costs, as prepare lists it. A times card's is that of all its uses, and so says nothing of one. */
export function priceOfPrepared(certificate: Certificate): Price {
  return isTimesCard(certificate)
    ? NO_PRICE
    : { payFen: certificate.payAmountFen, originalFen: certificate.originalAmountFen };
}

/** List price less what was paid; null unless both are known. */
export function discountOf({ payFen, originalFen }: Price): number | null {
  return payFen === null || originalFen === null ? null : Math.max(0, originalFen - payFen);
}

/**
 * The amounts of one redemption, each from the first of these that tells it: the coupon itself (of a times card the
 * very use), what is known already, the coupon's part of the order, the order if it has this one coupon.
 * @param known from prepare and the verify itself
 */
export function amountsOf(
  use: RedeemedUse,
  known: Pick<Amounts, 'payFen' | 'discountFen'>,
  certificate: Certificate | null,
  order: OrderDetails | null,
): Amounts {
  // Until the coupon is seen it may be a card, and an order sells a card whole: nothing in it is one use's.
  if (certificate === null) return { ...known, receiptFen: null };
  const isOfCard = use.isTimesCard || isTimesCard(certificate);
  const own = isOfCard ? priceOfUse(use, certificate) : priceOfPrepared(certificate);
  const share = isOfCard || order === null ? null : shareOf(use.certificateId, order);
  return {
    payFen: own.payFen ?? known.payFen ?? share?.payAmountFen ?? null,
    receiptFen: share?.receiptAmountFen ?? null,
    discountFen: discountOf(own) ?? known.discountFen ?? share?.discountAmountFen ?? null,
  };
}

/**
 * What a record knows of its own amounts. An earlier release did not say whether it did: it stored what prepare listed,
 * of a times card the price of all its uses, and 0 for what it did not know.
 */
export function knownAmounts(
  record: Pick<Verification, 'payAmount' | 'discountAmount' | 'isAmountKnown' | 'isTimesCard'>,
): Pick<Amounts, 'payFen' | 'discountFen'> {
  const isKnown = record.isAmountKnown ?? (record.payAmount > 0 && !record.isTimesCard);
  return {
    payFen: isKnown ? record.payAmount : null,
    discountFen: isKnown && record.discountAmount > 0 ? record.discountAmount : null,
  };
}

function isTimesCard(certificate: Certificate): boolean {
  return certificate.kind === 'times_card' || (certificate.timesCount ?? 0) > 1;
}

/** By the number that Douyin gives the use. */
function priceOfUse({ verifyId }: RedeemedUse, certificate: Certificate): Price {
  const uses = [...certificate.uses, ...(certificate.lastUse ? [certificate.lastUse] : [])];
  const serialNumber = uses.find((use) => use.verifyId === verifyId && verifyId !== '')?.serialNumber ?? null;
  return certificate.serialAmounts.find((serial) => serial.serialNumber === serialNumber) ?? NO_PRICE;
}

function shareOf(certificateId: string, order: OrderDetails) {
  const [part, ...more] = order.parts.filter((candidate) => candidate.certificateId === certificateId);
  if (part && more.length === 0) return part;
  return order.couponCount === 1 ? order : null;
}
