// What Douyin allows: which coupons a prepare lists, and what a verify does to each code. Taking back is in
// cancellation.ts.
// Everything between reading the state and committing the event is synchronous, so two tills cannot both succeed.
import { DouyinRefusal } from './answers.ts';
import { LIMITS } from './defaults.ts';
import type { SimulatorEvent } from './events.ts';
import {
  activeEffects,
  type Coupon,
  isExpired,
  isTimesCard,
  isUsableNow,
  type JudgedItem,
  type Order,
  type Review,
  type VerifyToken,
} from './model.ts';
import type { World } from './world.ts';

export type PrepareSelector = { encryptedData: string } | { code: string };

export interface Prepared {
  order: Order;
  verifyToken: string;
  coupons: Coupon[];
}

/** Finds the order behind a QR value or a plain code; undefined for a value never handed out. */
export function findPreparedOrder(world: World, selector: PrepareSelector): Order | undefined {
  return 'code' in selector
    ? world.couponsByPlainCode.get(selector.code)?.order
    : world.qrByEncryptedData.get(selector.encryptedData)?.order;
}

/**
 * Lists an order's coupons usable now and names one verification of them.
 * @throws DouyinRefusal for an unknown or used-up QR value, an unknown code, an order that is unpaid or being given
 *   away, or a wrong store
 */
export function prepare(world: World, selector: PrepareSelector, poiId: string | undefined): Prepared {
  const order = findPreparedOrder(world, selector);
  if (order === undefined) {
    throw 'code' in selector ? new DouyinRefusal(1212) : new DouyinRefusal(3000001, '二维码参数不合法');
  }
  if (poiId !== undefined) requireStoreOfMerchant(world, poiId);
  const refusal = orderRefusal(order, poiId);
  if (refusal !== 0) throw new DouyinRefusal(refusal);
  const isDeadQr = 'encryptedData' in selector && order.liveQr?.encryptedData !== selector.encryptedData;
  if (isDeadQr && world.settings.deadQr === 'error') throw new DouyinRefusal(45005117);
  if (world.verifyTokens.size >= LIMITS.prepares) throw new DouyinRefusal(2119008, '模拟器已达上限，请重置');
  const nowMs = world.clock();
  const verifyToken = world.ids.verifyToken(order.orderId, order.prepareCount);
  const qrNumber =
    'encryptedData' in selector
      ? (world.qrByEncryptedData.get(selector.encryptedData)?.qr.number ?? null)
      : null;
  world.commit({ type: 'prepared', orderId: order.orderId, poiId: poiId ?? null, qrNumber, atMs: nowMs });
  const isListed = (coupon: Coupon): boolean =>
    isUsableNow(coupon, nowMs, world.settings.listExpired) &&
    (!('code' in selector) ||
      world.settings.plainCodeLists === 'order' ||
      coupon.plainCode === selector.code);
  return { order, verifyToken, coupons: isDeadQr ? [] : order.coupons.filter(isListed) };
}

export interface VerifyInput {
  verifyToken: string;
  poiId: string;
  encryptedCodes: string[];
  /** One text for all parameters of the call; the same token is taken with the same text only. */
  fingerprint: string;
  callId: string;
}

/** Ways in which a fault bends the judgement of a verify call. */
export interface VerifyBend {
  /** Puts the call under risk review; nothing is verified until it is decided. */
  review?: { passes: boolean; afterMs: number };
  /** Codes at these positions are refused with this result instead of being judged. */
  refuse?: { positions: number[]; result: number };
  /** Spells refusals otherwise than the order and the settings have it. */
  refusalAs?: 'item' | 'error_code';
}

/**
 * Judges a verify call code by code and takes the uses it grants, all in one step.
 * @returns one item per code sent, in the same order
 * @throws DouyinRefusal for a token that is not from a prepare of this order, other parameters under a known token,
 *   a store the merchant does not have, and, where refusals are spelled as error codes, for the first refused code
 */
export function verify(world: World, input: VerifyInput, bend: VerifyBend = {}): JudgedItem[] {
  const token = world.verifyTokens.get(input.verifyToken);
  if (token === undefined) throw new DouyinRefusal(2100005, 'verify_token不合法');
  const order = world.ordersById.get(token.orderId);
  if (order === undefined) throw new Error('a verify token without an order');
  if (token.boundTo !== null && token.boundTo !== input.fingerprint) {
    throw new DouyinRefusal(2100005, '同一verify_token的请求参数不一致');
  }
  requireStoreOfMerchant(world, input.poiId);
  const coupons = input.encryptedCodes.map((code) => world.couponsByEncryptedCode.get(code));
  if (coupons.some((coupon) => coupon !== undefined && coupon.order !== order)) {
    throw new DouyinRefusal(2100005, 'verify_token与券不匹配');
  }
  const replayed = replay(world, token);
  if (replayed !== undefined) return replayed;
  const items = judge(world, order, token, input, coupons, bend.refuse);
  const isErrorSpelling =
    (bend.refusalAs ?? order.spec.refusalAs ?? world.settings.refusalAs) === 'error_code';
  const firstRefused = items.find((item) => item.result !== 0);
  if (firstRefused !== undefined && isErrorSpelling) throw new DouyinRefusal(firstRefused.result);
  if (bend.review !== undefined && firstRefused === undefined) {
    return openReview(world, input, bend.review, isErrorSpelling);
  }
  const spentBefore = token.spent;
  world.commit({
    type: 'judged',
    verifyToken: input.verifyToken,
    fingerprint: input.fingerprint,
    poiId: input.poiId,
    callId: input.callId,
    atMs: world.clock(),
    items: items.map(({ encryptedCode, result }) => ({ encryptedCode, result })),
  });
  return token.spent !== null && token.spent !== spentBefore ? token.spent.items : items;
}

/** The items of a repeat that is answered from memory; undefined for a call that is judged. */
function replay(world: World, token: VerifyToken): JudgedItem[] | undefined {
  const { replayAnswer, replayWindowMs, replayAfterCancel } = world.settings;
  if (token.spent === null) return undefined;
  if (isCancelled(token) && replayAfterCancel !== 'same') return undefined;
  const isOver = replayWindowMs !== 'unlimited' && world.trueClock() - token.spent.trueAtMs >= replayWindowMs;
  if (isOver) return undefined;
  if (replayAnswer === 'same') return token.spent.items;
  const result = replayAnswer === '2' ? 2 : 1208;
  return token.spent.items.map((item) => (item.effect === null ? item : { ...item, result, effect: null }));
}

function isCancelled(token: VerifyToken): boolean {
  return token.spent?.items.some(({ effect }) => effect !== null && effect.cancelledAtMs !== null) === true;
}

/** Whether a token that had its effect may have another one: Douyin has forgotten that it was used. */
function mayRedeemAgain(world: World, token: VerifyToken): boolean {
  const { replayAfterCancel, replayAfterWindow } = world.settings;
  return (isCancelled(token) ? replayAfterCancel : replayAfterWindow) === 'redeem';
}

/** Whether another verification ended the QR code that the token was prepared by. */
function isEndedPrepare(world: World, order: Order, token: VerifyToken): boolean {
  return (
    world.settings.otherPrepares === 'die' &&
    token.spent === null &&
    token.qrNumber !== null &&
    order.endedQrs.has(token.qrNumber)
  );
}

function judge(
  world: World,
  order: Order,
  token: VerifyToken,
  input: VerifyInput,
  coupons: (Coupon | undefined)[],
  refuse: VerifyBend['refuse'],
): JudgedItem[] {
  const ofOrder = orderRefusal(order, input.poiId);
  const wanted = new Map<string, number>();
  for (const code of input.encryptedCodes) wanted.set(code, (wanted.get(code) ?? 0) + 1);
  const seen = new Set<string>();
  return input.encryptedCodes.map((encryptedCode, position) => {
    const coupon = coupons[position];
    const isRepeatedInCall = seen.has(encryptedCode);
    seen.add(encryptedCode);
    const result = (): number => {
      if (refuse?.positions.includes(position) === true) return refuse.result;
      if (coupon === undefined) return 1221;
      if (ofOrder !== 0) return ofOrder;
      const refusal = couponRefusal(world, coupon, wanted.get(encryptedCode) ?? 1);
      if (refusal !== 0) return refusal;
      // A token names one verification: as long as Douyin remembers its effect it never has another one.
      if (token.spent !== null && !mayRedeemAgain(world, token)) return 1250;
      if (isEndedPrepare(world, order, token)) return 45005117;
      return isRepeatedInCall && !isTimesCard(order) ? world.settings.alreadyVerifiedResult : 0;
    };
    return { encryptedCode, result: result(), effect: null };
  });
}

function couponRefusal(world: World, coupon: Coupon, uses: number): number {
  return coupon.review === null ? couponStateRefusal(world, coupon, uses) : 1229;
}

function couponStateRefusal(world: World, coupon: Coupon, uses: number): number {
  switch (coupon.status) {
    case 'used':
      return isTimesCard(coupon.order) ? 1241 : world.settings.alreadyVerifiedResult;
    case 'refund_applied':
    case 'refunded':
    case 'refunding':
      return 1265;
    case 'refund_failed':
      return 1250;
    case 'unused':
      break;
  }
  const nowMs = world.clock();
  if (isExpired(coupon, nowMs) || coupon.startTimeSeconds * 1000 > nowMs) return 1250;
  if (coupon.effects.length + uses > LIMITS.effectsPerCoupon) return 1250;
  if (isTimesCard(coupon.order) && activeEffects(coupon).length + uses > coupon.timesCount) return 1241;
  return 0;
}

/** What stands against the order as a whole: its state, then the store. */
function orderRefusal(order: Order, poiId: string | undefined): number {
  if (order.spec.status === 'gifted') return 2119006;
  if (order.spec.status === 'unpaid') return 2119007;
  const isWrongStore =
    poiId !== undefined && order.spec.perStoreSettlement && !order.spec.poiIds.includes(poiId);
  return isWrongStore ? order.spec.wrongStoreCode : 0;
}

function requireStoreOfMerchant(world: World, poiId: string): void {
  if (!world.merchant.stores.some((store) => store.poiId === poiId)) {
    throw new DouyinRefusal(2100005, 'poi_id不合法');
  }
}

function openReview(
  world: World,
  input: VerifyInput,
  review: { passes: boolean; afterMs: number },
  isErrorSpelling: boolean,
): JudgedItem[] {
  const atMs = world.clock();
  const { verifyToken, fingerprint, poiId, callId, encryptedCodes } = input;
  world.commit({
    type: 'review_opened',
    verifyToken,
    fingerprint,
    poiId,
    callId,
    atMs,
    encryptedCodes,
    dueAtMs: atMs + review.afterMs,
    passes: review.passes,
  });
  if (isErrorSpelling) throw new DouyinRefusal(1229);
  return encryptedCodes.map((encryptedCode) => ({ encryptedCode, result: 1229, effect: null }));
}

/** Decides the risk reviews whose time has come; to be called before the state is read. */
export function decideDueReviews(world: World): void {
  if (world.couponsInReview.size === 0) return;
  const nowMs = world.clock();
  const due = new Set<Review>();
  for (const { review } of world.couponsInReview) {
    if (review !== null && review.dueAtMs <= nowMs) due.add(review);
  }
  for (const review of due) world.commit(decisionOf(world, review), world.trueTimeOf(review.dueAtMs));
}

/** One event, so that no crash can lose a review between its end and its effect. */
function decisionOf(world: World, review: Review): SimulatorEvent {
  const { verifyToken, fingerprint, poiId, callId, encryptedCodes, dueAtMs } = review;
  const coupons = encryptedCodes.flatMap((code) => world.couponsByEncryptedCode.get(code) ?? []);
  const items = coupons.map((coupon) => {
    const uses = encryptedCodes.filter((code) => code === coupon.encryptedCode).length;
    // Refunded or run out meanwhile: then passing the review verifies nothing.
    return { encryptedCode: coupon.encryptedCode, result: couponStateRefusal(world, coupon, uses) };
  });
  return {
    type: 'review_decided',
    certificateIds: coupons.map((coupon) => coupon.certificateId),
    judged: review.passes
      ? { type: 'judged', verifyToken, fingerprint, poiId, callId, atMs: dueAtMs, items }
      : null,
  };
}
