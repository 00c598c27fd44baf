// certificate/get, certificate/query and verify_record/query: what is known about coupons and their verifications.
import { DouyinRefusal } from '../answers.ts';
import { certificateJson, verifyRecordJson } from '../certificate-view.ts';
import type { Coupon, Effect } from '../model.ts';
import { certificateFields, type Listed, listsOf } from '../v2-lists.ts';
import type { World } from '../world.ts';
import {
  type CallFacts,
  lifeEndpoint,
  MAX_SECONDS,
  queryInteger,
  queryList,
  queryText,
  requiredQueryInteger,
  requiredQueryText,
  requireOurAccount,
} from './endpoint.ts';

const CERTIFICATE = '/goodlife/v1/fulfilment/certificate';
const SHANGHAI_OFFSET_SECONDS = 28_800;
const DAY_SECONDS = 86_400;

export const getEndpoint = lifeEndpoint({
  name: 'get',
  method: 'GET',
  path: `${CERTIFICATE}/get/`,
  facts: (world, { query }) => couponFacts(world, query.get('encrypted_code')),
  data: (world, { query }, bend) => {
    requireOurAccount(world, queryText(query, 'account_id'));
    const encryptedCode = queryText(query, 'encrypted_code');
    if (encryptedCode === undefined) throw new DouyinRefusal(1502);
    const coupon = findCoupon(world, encryptedCode);
    return certificateFields(world, listed(world, coupon, bend.isStale));
  },
});

export const queryEndpoint = lifeEndpoint({
  name: 'query',
  method: 'GET',
  path: `${CERTIFICATE}/query/`,
  facts: (world, { query }) => {
    const orderId = query.get('order_id');
    if (orderId === null) return couponFacts(world, query.get('encrypted_code'));
    return { orderId, by: 'order_id' };
  },
  data: (world, { query }, bend) => {
    requireOurAccount(world, queryText(query, 'account_id'));
    const encryptedCode = queryText(query, 'encrypted_code');
    const orderId = queryText(query, 'order_id');
    if (encryptedCode !== undefined && orderId !== undefined) throw new DouyinRefusal(2100005);
    const coupons = (): Coupon[] => {
      if (encryptedCode !== undefined) return [findCoupon(world, encryptedCode)];
      if (orderId === undefined) throw new DouyinRefusal(4000001);
      const order = world.ordersById.get(orderId);
      if (order === undefined) throw new DouyinRefusal(3100101);
      return order.coupons;
    };
    return listsOf(
      world,
      'certificates',
      coupons().map((coupon) => listed(world, coupon, bend.isStale)),
    );
  },
});

function listed(world: World, coupon: Coupon, isStale: boolean | undefined): Listed {
  return { certificateId: coupon.certificateId, json: certificateJson(world, coupon, isStale) };
}

function findCoupon(world: World, encryptedCode: string): Coupon {
  const coupon = world.couponsByEncryptedCode.get(encryptedCode);
  if (coupon === undefined) throw new DouyinRefusal(1221);
  return coupon;
}

function couponFacts(world: World, encryptedCode: string | null): CallFacts {
  if (encryptedCode === null) return {};
  const coupon = world.couponsByEncryptedCode.get(encryptedCode);
  return {
    by: 'encrypted_code',
    encryptedCodes: [encryptedCode],
    ...(coupon === undefined
      ? {}
      : { orderId: coupon.order.orderId, certificateIds: [coupon.certificateId] }),
  };
}

export const verifyRecordEndpoint = lifeEndpoint({
  name: 'verify_record',
  method: 'GET',
  path: `${CERTIFICATE}/verify_record/query/`,
  facts: (_world, { query }) => {
    const poiId = queryList(query, 'poi_ids')[0];
    return poiId === undefined ? {} : { poiId };
  },
  data: (world, { query }) => {
    requireOurAccount(world, requiredQueryText(query, 'account_id'));
    const cursor = requiredQueryText(query, 'cursor');
    const size = requiredQueryInteger(query, 'size', { min: 1, max: 20 });
    const today = startOfToday(world.clock());
    const startTime = queryInteger(query, 'start_time', { min: 0, max: MAX_SECONDS }) ?? today;
    const endTime = queryInteger(query, 'end_time', { min: 0, max: MAX_SECONDS }) ?? today + DAY_SECONDS - 1;
    const isAsked = storesAskedFor(world, query);
    const matching = verifications(world).filter((effect) => {
      const verifyTime = Math.floor(effect.atMs / 1000);
      return isAsked(effect.poiId) && verifyTime >= startTime && verifyTime <= endTime;
    });
    const cursorIndex = matching.findIndex((effect) => effect.verifyId === cursor);
    if (cursor !== '0' && cursorIndex === -1) throw new DouyinRefusal(2100005, 'cursor不合法');
    return {
      total: matching.length,
      ...listsOf(
        world,
        'records',
        matching
          .slice(cursorIndex + 1, cursorIndex + 1 + size)
          .map((effect) => ({ certificateId: effect.certificateId, json: recordOf(world, effect) })),
      ),
    };
  },
});

/**
 * Which stores' records were asked for, as far as the form of `poi_ids` is understood; without it all.
 * @throws DouyinRefusal when it must be a JSON array and is none
 */
function storesAskedFor(world: World, query: URLSearchParams): (poiId: string) => boolean {
  const texts = query.getAll('poi_ids').filter((text) => text !== '');
  const form = world.settings.verifyRecordPoiIds;
  if (texts.length === 0 || form === 'ignored') return () => true;
  const readers: Record<typeof form, () => string[]> = {
    any: () => queryList(query, 'poi_ids'),
    json: () => texts.flatMap(readIdArray),
    comma: () => texts.flatMap((text) => text.split(',')),
    // What is no single id names no store there is.
    single: () => texts.slice(0, 1),
  };
  const asked = new Set(readers[form]());
  return (poiId) => asked.has(poiId);
}

/** `[id]` or `["id"]`, without JSON.parse, which rounds ids. */
function readIdArray(text: string): string[] {
  const inside = /^\[([\d",]*)\]$/.exec(text.replaceAll(' ', ''))?.[1];
  if (inside === undefined) throw new DouyinRefusal(2100005, 'poi_ids不合法');
  return inside.replaceAll('"', '').split(',');
}

function verifications(world: World): Effect[] {
  return world.ledger.flatMap((entry) => (entry.kind === 'verified' ? entry.effect : []));
}

function recordOf(world: World, effect: Effect) {
  const coupon = world.couponsByCertificateId.get(effect.certificateId);
  if (coupon === undefined) throw new Error('a verification without a coupon');
  return verifyRecordJson(world, coupon, effect);
}

/** Midnight in China, in seconds: Douyin's default day. */
function startOfToday(nowMs: number): number {
  const chinaSeconds = Math.floor(nowMs / 1000) + SHANGHAI_OFFSET_SECONDS;
  return chinaSeconds - (chinaSeconds % DAY_SECONDS) - SHANGHAI_OFFSET_SECONDS;
}
