// What Douyin allows when a verification is taken back: by its id, several uses of a times card at once, or by a count.
// Everything between reading the state and committing the event is synchronous.
import { DouyinRefusal } from './answers.ts';
import { activeEffects, type Coupon, type Effect, isTimesCard } from './model.ts';
import type { World } from './world.ts';

const DEFAULT_DEADLINE_MS = 3_600_000;
const TOO_LATE_TO_CANCEL = { code: 2034000910, description: '已超过可撤销时限，无法撤销核销' };

export interface CancelBy {
  /** Makes a repeat within its hour succeed instead of being refused. */
  cancelToken: string | null;
  callId: string;
}

/** What Douyin says about one verification: 0, or 1265 when it was taken back before. */
export interface CancelledItem {
  effect: Effect;
  resultCode: number;
}

/**
 * Takes one verification back; the coupon can be used again, with a new QR code.
 * @throws DouyinRefusal when there is no such verification, when it is too late, settled or refunded, or for a
 *   `cancel_token` where none is allowed
 */
export function cancelOne(
  world: World,
  ids: { verifyId: string; certificateId: string },
  by: CancelBy,
): CancelledItem[] {
  const effect = world.effectsByVerifyId.get(ids.verifyId);
  if (effect === undefined || effect.certificateId !== ids.certificateId) throw new DouyinRefusal(1033000519);
  const cancelToken = allowedToken(world, couponOf(world, effect), by.cancelToken);
  if (effect.cancelledAtMs !== null) {
    return [{ effect, resultCode: isRemembered(world, effect, cancelToken) ? 0 : 1265 }];
  }
  return takeBack(world, [effect], { ...by, cancelToken });
}

/**
 * Takes several uses of an order's times cards back, all or none.
 * @throws DouyinRefusal as `cancelOne`, for an id of another order, and for a coupon that is no times card
 */
export function cancelSeveral(
  world: World,
  ids: { orderId: string; verifyIds: string[] },
  by: CancelBy,
): CancelledItem[] {
  const effects = [...new Set(ids.verifyIds)].map((verifyId) => {
    const effect = world.effectsByVerifyId.get(verifyId);
    if (effect === undefined || effect.orderId !== ids.orderId) throw new DouyinRefusal(1033000519);
    if (!isTimesCard(couponOf(world, effect).order)) throw new DouyinRefusal(2100005, '仅次卡支持批量撤销');
    return effect;
  });
  const first = effects[0];
  if (first === undefined) throw new DouyinRefusal(2100005, 'verify_id_list不能为空');
  const cancelToken = allowedToken(world, couponOf(world, first), by.cancelToken);
  if (effects.every((effect) => isRemembered(world, effect, cancelToken))) {
    return effects.map((effect) => ({ effect, resultCode: 0 }));
  }
  if (effects.some((effect) => effect.cancelledAtMs !== null)) throw new DouyinRefusal(1265);
  return takeBack(world, effects, { ...by, cancelToken });
}

/**
 * Takes the latest uses of a times card back, by their number alone. A repeat takes more of them back, unless its
 * `cancel_token` is remembered.
 * @throws DouyinRefusal as `cancelOne`, and when fewer uses are in force
 */
export function cancelCount(
  world: World,
  what: { certificateId: string; count: number },
  by: CancelBy,
): CancelledItem[] {
  const coupon = world.couponsByCertificateId.get(what.certificateId);
  if (coupon === undefined) throw new DouyinRefusal(1033000519);
  if (!isTimesCard(coupon.order)) throw new DouyinRefusal(2100005, '仅次卡支持按次数撤销');
  const cancelToken = allowedToken(world, coupon, by.cancelToken);
  const remembered = coupon.effects.filter((effect) => isRemembered(world, effect, cancelToken));
  if (remembered.length > 0) return remembered.map((effect) => ({ effect, resultCode: 0 }));
  const active = activeEffects(coupon);
  if (active.length < what.count) throw new DouyinRefusal(1265);
  return takeBack(world, active.slice(active.length - what.count), { ...by, cancelToken });
}

function takeBack(world: World, effects: Effect[], { cancelToken, callId }: CancelBy): CancelledItem[] {
  if (!effects.every((effect) => canCancel(world, couponOf(world, effect), effect))) {
    throw new DouyinRefusal(3000001, '业务错误', TOO_LATE_TO_CANCEL);
  }
  const [first, ...others] = effects;
  if (first === undefined) throw new Error('nothing to take back');
  world.commit({
    type: 'cancelled',
    verifyId: first.verifyId,
    alsoVerifyIds: others.map((effect) => effect.verifyId),
    cancelledBy: 'api',
    cancelToken,
    callId,
    atMs: world.clock(),
  });
  return effects.map((effect) => ({ effect, resultCode: 0 }));
}

/** The token as Douyin takes it: where stores settle by themselves it may be ignored, or refused. */
function allowedToken(world: World, coupon: Coupon, cancelToken: string | null): string | null {
  const { cancelTokenPerStore } = world.settings;
  if (cancelToken === null || !coupon.order.spec.perStoreSettlement) return cancelToken;
  if (cancelTokenPerStore === 'refused') throw new DouyinRefusal(2100005, 'cancel_token不合法');
  return cancelTokenPerStore === 'ignored' ? null : cancelToken;
}

function isRemembered(world: World, effect: Effect, cancelToken: string | null): boolean {
  return (
    cancelToken !== null &&
    effect.cancelToken === cancelToken &&
    effect.cancelledTrueAtMs !== null &&
    world.trueClock() - effect.cancelledTrueAtMs < world.settings.cancelTokenWindowMs
  );
}

/** Only before the kind's deadline, and not once the coupon is settled or its money on the way back. */
export function canCancel(world: World, coupon: Coupon, effect: Effect): boolean {
  const deadlineMs = world.settings.cancelDeadlinesMs[coupon.order.spec.kind] ?? DEFAULT_DEADLINE_MS;
  return (
    effect.cancelledAtMs === null &&
    !coupon.settled &&
    (coupon.status === 'used' || coupon.status === 'unused') &&
    world.trueClock() - effect.trueAtMs < deadlineMs
  );
}

function couponOf(world: World, effect: Effect): Coupon {
  const coupon = world.couponsByCertificateId.get(effect.certificateId);
  if (coupon === undefined) throw new Error('a verification without a coupon');
  return coupon;
}
