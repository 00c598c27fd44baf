// prepare, verify and cancel: reads the requests as strictly as Douyin does and writes the answers. The rules
// themselves are in redemption.ts.
import { DouyinRefusal } from '../answers.ts';
import { certificateJson, verifyAmountJson } from '../certificate-view.ts';
import { LIMITS } from '../defaults.ts';
import { errorText } from '../error-codes.ts';
import { hashHex } from '../ids.ts';
import { canonicalJson, type JsonObject, readJsonObject } from '../json.ts';
import type { JudgedItem } from '../model.ts';
import { cancel, findPreparedOrder, prepare, type PrepareSelector, verify } from '../redemption.ts';
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
      certificates: coupons.map((coupon) => certificateJson(world, coupon)),
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
    const items = verify(world, { verifyToken, poiId, encryptedCodes, fingerprint, callId }, bend);
    return { verify_results: items.map((item) => verifyResultJson(world, item)) };
  },
});

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
    verify_amount_info: verifyAmountJson(coupon, effect),
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
    const { verify_id: verifyId, certificate_id: certificateId } = readJsonObject(request.bodyText) ?? {};
    const effect = typeof verifyId === 'string' ? world.effectsByVerifyId.get(verifyId) : undefined;
    return {
      ...(effect === undefined ? {} : { orderId: effect.orderId }),
      ...(typeof certificateId === 'string' ? { certificateIds: [certificateId] } : {}),
    };
  },
  data: (world, request) => {
    const body = readBody(request);
    requireOurAccount(world, optionalText(body, 'account_id'));
    const { verify_id: verifyId, certificate_id: certificateId } = body;
    if (typeof verifyId !== 'string' || typeof certificateId !== 'string') throw new DouyinRefusal(2100005);
    const { callId } = request.stamp;
    const cancelToken = optionalText(body, 'cancel_token') ?? null;
    const resultCode = cancel(world, { verifyId, certificateId, cancelToken, callId });
    return {
      cancel_results: [
        {
          order_id: world.effectsByVerifyId.get(verifyId)?.orderId,
          verify_id: verifyId,
          result_code: resultCode,
          result_msg: resultCode === 0 ? '撤销成功' : errorText(resultCode),
        },
      ],
    };
  },
});

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
