// prepare, verify and cancel: reads the requests as strictly as Douyin does and writes the answers. The rules
// themselves are in redemption.ts and cancellation.ts.
import { DouyinRefusal } from '../answers.ts';
import { cancelCount, type CancelledItem, cancelOne, cancelSeveral } from '../cancellation.ts';
import { certificateJson, verifyAmountJson } from '../certificate-view.ts';
import { LIMITS } from '../defaults.ts';
import { errorText } from '../error-codes.ts';
import { hashFraction, hashHex } from '../ids.ts';
import { canonicalJson, isPlainObject, type JsonObject, readJsonObject } from '../json.ts';
import type { JudgedItem } from '../model.ts';
import { findPreparedOrder, prepare, type PrepareSelector, verify } from '../redemption.ts';
import { listsOf } from '../v2-lists.ts';
import type { World } from '../world.ts';
import {
  type CallFacts,
  type DouyinRequest,
  lifeEndpoint,
  queryText,
  requireOurAccount,
} from './endpoint.ts';

const FULFILMENT = '/goodlife/v1/fulfilment/certificate';

export const prepareEndpoint = lifeEndpoint({
  name: 'prepare',
  method: 'GET',
  path: `${FULFILMENT}/prepare/`,
  facts: (world, { query }) => {
    const encryptedData = query.get('encrypted_data');
    const code = query.get('code');
    const poiId = query.get('poi_id');
    const order =
      encryptedData !== null
        ? findPreparedOrder(world, { encryptedData })
        : code !== null
          ? findPreparedOrder(world, { code })
          : undefined;
    return {
      ...(order === undefined ? {} : { orderId: order.orderId }),
      ...(poiId === null ? {} : { poiId }),
      by: encryptedData === null ? 'code' : 'encrypted_data',
    };
  },
  data: (world, { query }) => {
    const poiId = queryText(query, 'poi_id');
    requireOurAccount(world, queryText(query, 'account_id'));
    const { order, verifyToken, coupons } = prepare(world, readSelector(query), poiId);
    return {
      order_id: order.orderId,
      verify_token: verifyToken,
      ...listsOf(
        world,
        'certificates',
        coupons.map((coupon) => ({
          certificateId: coupon.certificateId,
          json: certificateJson(world, coupon),
        })),
      ),
    };
  },
});

function readSelector(query: URLSearchParams): PrepareSelector {
  const encryptedData = queryText(query, 'encrypted_data');
  const code = queryText(query, 'code');
  if (encryptedData !== undefined && code !== undefined) throw new DouyinRefusal(2100005);
  if (encryptedData !== undefined) return { encryptedData };
  if (code !== undefined) return { code };
  throw new DouyinRefusal(1502);
}

export const verifyEndpoint = lifeEndpoint({
  name: 'verify',
  method: 'POST',
  path: `${FULFILMENT}/verify/`,
  facts: (world, request) => {
    const body = readJsonObject(request.bodyText);
    if (body === undefined) return {};
    const { verify_token: verifyToken, poi_id: poiId, encrypted_codes: codes } = body;
    const facts: CallFacts = { fingerprint: fingerprintOf(body) };
    if (typeof verifyToken === 'string') {
      facts.verifyToken = verifyToken;
      const orderId = world.verifyTokens.get(verifyToken)?.orderId;
      if (orderId !== undefined) facts.orderId = orderId;
    }
    if (typeof poiId === 'string') facts.poiId = poiId;
    if (isTextArray(codes)) {
      facts.encryptedCodes = codes.slice(0, LIMITS.codesPerVerify);
      facts.certificateIds = facts.encryptedCodes.flatMap(
        (code) => world.couponsByEncryptedCode.get(code)?.certificateId ?? [],
      );
    }
    return facts;
  },
  data: (world, request, bend) => {
    const body = readBody(request);
    const { verify_token: verifyToken, poi_id: poiId } = body;
    requireOurAccount(world, optionalText(body, 'account_id'));
    if (typeof verifyToken !== 'string' || verifyToken === '')
      throw new DouyinRefusal(2100005, 'verify_token不合法');
    if (typeof poiId !== 'string' || poiId === '') throw new DouyinRefusal(2100005, 'poi_id不合法');
    const { encrypted_codes: encryptedCodes, codes, code_with_time_list: codesWithTime } = body;
    const given = [encryptedCodes, codes, codesWithTime].filter(
      (value) => value !== undefined && value !== null,
    );
    if (given.length === 0) throw new DouyinRefusal(1502);
    if (encryptedCodes === undefined || encryptedCodes === null) return refuseThirdPartyCodes(body);
    if (!isTextArray(encryptedCodes)) throw new DouyinRefusal(2100004);
    if (given.length > 1) throw new DouyinRefusal(2100005);
    if (encryptedCodes.length === 0 || encryptedCodes.includes('')) throw new DouyinRefusal(1502);
    if (encryptedCodes.length > LIMITS.codesPerVerify) throw new DouyinRefusal(2100005);
    const fingerprint = fingerprintOf(body);
    const { callId } = request.stamp;
    requireDeduction(world, verifyToken, body);
    const items = verify(world, { verifyToken, poiId, encryptedCodes, fingerprint, callId }, bend);
    const isFirstAnswer = items.some(({ effect }) => effect?.callId === callId);
    if (isFirstAnswer && world.settings.replayAnswer === 'error_then_1208') throw new DouyinRefusal(2119002);
    return {
      verify_results: inAnswerOrder(world, items, callId).map((item) => verifyResultJson(world, item)),
    };
  },
});

/** A dynamic voucher deducts what the till says: without an amount there is nothing to verify. */
function requireDeduction(world: World, verifyToken: string, body: Record<string, unknown>): void {
  const orderId = world.verifyTokens.get(verifyToken)?.orderId ?? '';
  if (world.ordersById.get(orderId)?.spec.kind !== 'dynamic_voucher') return;
  const extra = body['verify_extra'];
  const info = isPlainObject(extra) ? extra['dynamic_coupon_info'] : undefined;
  if (isPlainObject(info) && typeof info['actual_deduction_amount'] === 'number') return;
  throw new DouyinRefusal(2100005, 'actual_deduction_amount不能为空');
}

function inAnswerOrder(world: World, items: JudgedItem[], callId: string): JudgedItem[] {
  switch (world.settings.resultsOrder) {
    case 'sent':
      return items;
    case 'reversed':
      return items.toReversed();
    case 'shuffled':
      return items
        .map((item, index) => ({ item, place: hashFraction('results', callId, index) }))
        .sort((left, right) => left.place - right.place)
        .map(({ item }) => item);
  }
}

function verifyResultJson(world: World, item: JudgedItem): JsonObject {
  const { effect } = item;
  const coupon = world.couponsByEncryptedCode.get(item.encryptedCode);
  if (effect === null || coupon === undefined) {
    return { result: item.result, msg: errorText(item.result), code: item.encryptedCode };
  }
  return {
    result: 0,
    msg: '验券成功',
    code: item.encryptedCode,
    verify_id: effect.verifyId,
    certificate_id: effect.certificateId,
    order_id: effect.orderId,
    origin_code: coupon.plainCode,
    account_id: world.merchant.accountId,
    product_id: world.settings.itemProductId ? coupon.order.spec.productId : undefined,
    verify_time: world.settings.itemVerifyTime ? Math.floor(effect.atMs / 1000) : undefined,
    verify_amount_info: verifyAmountJson(world, coupon, effect),
  };
}

/** No coupon here is a third party's: `codes` and `code_with_time_list` name nothing that exists. */
function refuseThirdPartyCodes(body: Record<string, unknown>): JsonObject {
  const { codes, code_with_time_list: codesWithTime } = body;
  const sent = Array.isArray(codesWithTime)
    ? codesWithTime.map((entry: unknown) => (entry as { code?: unknown } | null)?.code)
    : codes;
  if (!isTextArray(sent) || sent.length > LIMITS.codesPerVerify) throw new DouyinRefusal(2100004);
  if (sent.length === 0) throw new DouyinRefusal(1502);
  return { verify_results: sent.map((code) => ({ result: 1212, msg: errorText(1212), code })) };
}

export const cancelEndpoint = lifeEndpoint({
  name: 'cancel',
  method: 'POST',
  path: `${FULFILMENT}/cancel/`,
  facts: (world, request) => {
    const body = readJsonObject(request.bodyText) ?? {};
    const { certificate_id: certificateId, cancel_token: cancelToken } = body;
    const verifyIds = verifyIdsOf(body);
    const orderId =
      verifyIds.flatMap((verifyId) => world.effectsByVerifyId.get(verifyId)?.orderId ?? [])[0] ??
      world.couponsByCertificateId.get(String(certificateId))?.order.orderId;
    const certificateIds =
      typeof certificateId === 'string' && certificateId !== SEVERAL
        ? [certificateId]
        : verifyIds.flatMap((verifyId) => world.effectsByVerifyId.get(verifyId)?.certificateId ?? []);
    return {
      ...(orderId === undefined ? {} : { orderId }),
      ...(certificateIds.length === 0 ? {} : { certificateIds }),
      ...(verifyIds.length === 0 ? {} : { verifyIds }),
      ...(typeof cancelToken === 'string' ? { cancelToken } : {}),
    };
  },
  data: (world, request) => {
    const body = readBody(request);
    requireOurAccount(world, optionalText(body, 'account_id'));
    const items = readAndCancel(world, body, request.stamp.callId);
    return {
      cancel_results: items.map(({ effect, resultCode }) => ({
        order_id: effect.orderId,
        verify_id: effect.verifyId,
        result_code: resultCode,
        result_msg: resultCode === 0 ? '撤销成功' : errorText(resultCode),
      })),
    };
  },
});

/** What Douyin wants for an id where several uses are taken back. */
const SEVERAL = '0';

function verifyIdsOf(body: Record<string, unknown>): string[] {
  const batch = body['batch_cancel_info'];
  const list = isPlainObject(batch) ? batch['verify_id_list'] : undefined;
  if (isTextArray(list)) return list.slice(0, LIMITS.codesPerVerify);
  const verifyId = body['verify_id'];
  return typeof verifyId === 'string' && verifyId !== SEVERAL ? [verifyId] : [];
}

function readAndCancel(world: World, body: Record<string, unknown>, callId: string): CancelledItem[] {
  const by = { cancelToken: optionalText(body, 'cancel_token') ?? null, callId };
  // Ids are texts: an int64 as a JSON number is refused.
  const { verify_id: verifyId, certificate_id: certificateId, times_card_cancel_count: count } = body;
  if (typeof verifyId !== 'string' || typeof certificateId !== 'string') throw new DouyinRefusal(2100005);
  const batch = body['batch_cancel_info'];
  if (batch !== undefined && batch !== null) {
    const { order_id: orderId, verify_id_list: verifyIds } = isPlainObject(batch) ? batch : {};
    const isWellFormed = verifyId === SEVERAL && certificateId === SEVERAL && isTextArray(verifyIds);
    if (!isWellFormed || typeof orderId !== 'string' || verifyIds.length > LIMITS.codesPerVerify) {
      throw new DouyinRefusal(2100005, 'batch_cancel_info不合法');
    }
    return cancelSeveral(world, { orderId, verifyIds }, by);
  }
  // The id is the stronger of the two: a count beside it is not looked at.
  if (verifyId === SEVERAL && count !== undefined && count !== null) {
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) {
      throw new DouyinRefusal(2100005, 'times_card_cancel_count不合法');
    }
    return cancelCount(world, { certificateId, count }, by);
  }
  return cancelOne(world, { verifyId, certificateId }, by);
}

function readBody(request: DouyinRequest): Record<string, unknown> {
  const body = readJsonObject(request.bodyText);
  if (body === undefined) throw new DouyinRefusal(200002);
  return body;
}

function optionalText(body: Record<string, unknown>, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new DouyinRefusal(2100005, `${name}不合法`);
  return value;
}

function fingerprintOf(body: Record<string, unknown>): string {
  return hashHex(32, canonicalJson(body));
}

function isTextArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
