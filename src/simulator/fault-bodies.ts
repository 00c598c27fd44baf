// What a fault makes of an answer's content: other codes, missing fields, ids of something else, no JSON at all.
// Nothing here touches the simulator's state.
import { type Answer, DouyinRefusal, lifeSuccess, textAnswer } from './answers.ts';
import { errorText, RETRY_TEXTS } from './error-codes.ts';
import type { ChosenFault } from './faults.ts';
import { isPlainObject, type JsonObject, type JsonValue, writeJson } from './json.ts';
import type { CallFacts, DouyinRequest, Endpoint } from './routes/endpoint.ts';

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const FOREIGN_ORDER_ID = '1086999999999999463';
const FOREIGN_CERTIFICATE_ID = '7379999999999999587';
const FOREIGN_POI_ID = '7189999999999999789';
const FOREIGN_ENCRYPTED_CODE = 'CgYIASAHKAESsomebodyelse/b+Q9zaA==';
const ERROR_PAGE = '<!doctype html><html><head><title>网关</title></head><body>请稍后再试</body></html>';

/** An answer that comes from something between Douyin and the client, or that is no longer Douyin's JSON. */
export function replaceHttp(fault: ChosenFault, answer: Answer | undefined): Answer {
  const json = writeJson(answer?.body ?? {});
  switch (fault.kind) {
    case 'http-429-before-effect':
    case 'http-429-after-effect':
      return textAnswer(429, HTML, ERROR_PAGE, { 'retry-after': '1' });
    case 'redirect-before-effect':
      return textAnswer(302, HTML, ERROR_PAGE, { location: '/blocked' });
    case 'html-before-effect':
    case 'html-after-effect':
      return textAnswer(200, HTML, ERROR_PAGE);
    case 'not-json-after-effect':
      return textAnswer(200, JSON_TYPE, 'upstream connect error or disconnect/reset before headers');
    case 'cut-json-after-effect':
      return textAnswer(200, JSON_TYPE, json.slice(0, Math.floor(json.length / 2)));
    case 'wrong-shape-after-effect':
      return textAnswer(200, JSON_TYPE, fault.dice < 0.5 ? '[]' : 'null');
    case 'empty-body-before-effect':
    case 'empty-body-after-effect':
      return textAnswer(200, JSON_TYPE, '');
    default:
      return textAnswer(fault.status, HTML, ERROR_PAGE);
  }
}

/** An error of Douyin's in the envelope of the endpoint, whatever the call did. */
export function replaceCode(fault: ChosenFault, endpoint: Endpoint, request: DouyinRequest): Answer {
  const text = fault.kind.startsWith('retry-text')
    ? RETRY_TEXTS[fault.dice < 0.5 ? 0 : 1]
    : errorText(fault.code);
  const answer = endpoint.refuse(new DouyinRefusal(fault.code, text), request.stamp);
  if (typeof answer.body === 'string') return answer;
  const { data, extra } = answer.body as { data: JsonObject; extra: JsonObject };
  if (fault.kind === 'error-code-in-data-only')
    Object.assign(extra, { error_code: 0, description: 'success' });
  if (fault.kind === 'error-code-in-extra-only') Object.assign(data, { error_code: 0, description: '' });
  if (fault.kind === 'error-codes-differ') {
    Object.assign(extra, { error_code: fault.extraCode, description: errorText(fault.extraCode) });
  }
  return answer;
}

/** Bends a body that is otherwise right. Without an answer, that of a success without content. */
export function bendBody(
  fault: ChosenFault,
  given: Answer | undefined,
  request: DouyinRequest,
  facts: CallFacts,
): Answer {
  const answer = given ?? lifeSuccess({}, request.stamp);
  if (typeof answer.body === 'string') return answer;
  const body = structuredClone(answer.body) as { data: JsonObject; extra?: JsonObject };
  const { data, extra } = body;
  switch (fault.kind) {
    case 'codes-as-text':
      changeFields(body, ['error_code'], asText);
      break;
    case 'codes-null':
      data['error_code'] = null;
      if (extra) extra['error_code'] = null;
      break;
    case 'codes-absent':
      delete data['error_code'];
      if (extra) delete extra['error_code'];
      break;
    case 'data-code-empty':
      data['error_code'] = '';
      break;
    case 'data-code-null':
      data['error_code'] = null;
      break;
    case 'extra-code-absent':
      if (extra) delete extra['error_code'];
      break;
    case 'extra-absent':
    case 'extra-and-date-absent':
      delete body.extra;
      break;
    case 'extra-now-milliseconds':
      if (extra) changeFields(extra, ['now'], (now) => Number(now) * 1000);
      break;
    case 'extra-now-absent':
      if (extra) delete extra['now'];
      break;
    case 'times-in-milliseconds':
      changeFields(body, ['now', 'start_time', 'expire_time', 'verify_time'], (value) =>
        typeof value === 'number' ? value * 1000 : value,
      );
      break;
    case 'ids-empty':
      changeFields(data, ['verify_id', 'third_sku_id'], () => null);
      changeFields(data, ['certificate_id', 'sku_id', 'origin_code'], () => '');
      changeFields(data, ['order_id', 'product_id'], () => '0');
      break;
    case 'amounts-empty':
      changeFields(data, ['receipt_amount', 'payment_discount'], () => null);
      changeFields(data, ['discount_amount', 'coupon_pay_amount'], () => '');
      changeFields(data, ['pay_amount', 'original_amount'], () => '0');
      break;
    case 'order-id-absent':
      changeFields(data, ['order_id'], () => undefined);
      break;
    case 'answer-for-another-order':
      changeFields(data, ['order_id'], () => FOREIGN_ORDER_ID);
      break;
    case 'answer-for-another-store':
      changeFields(data, ['poi_id'], (value) => sameType(FOREIGN_POI_ID, value));
      changeFields(data, ['account_id'], () => '7126518999999999901');
      break;
    case 'answer-for-another-certificate':
      changeFields(data, ['certificate_id'], (value) => sameType(FOREIGN_CERTIFICATE_ID, value));
      changeFields(data, ['encrypted_code', 'code'], () => FOREIGN_ENCRYPTED_CODE);
      break;
    case 'verify-token-empty':
      changeFields(data, ['verify_token'], () => '');
      break;
    default:
      bendResults(fault, data, facts);
  }
  return { ...answer, body };
}

/** Where an endpoint has its items, and how an item's result is called. */
const ITEM_LISTS = [
  { list: 'verify_results', result: 'result' },
  { list: 'cancel_results', result: 'result_code' },
] as const;

/** What is written where a number should be. `undefined` leaves the field out. */
const UNREADABLE_RESULTS: readonly JsonValue[] = ['abc', null, '', undefined, [], {}, true, 0.5];

function bendResults(fault: ChosenFault, data: JsonObject, facts: CallFacts): void {
  if (fault.kind.startsWith('items-un') && fault.kind.endsWith('-before-effect')) {
    Object.assign(data, itemsAsAsked(facts));
  }
  const names = ITEM_LISTS.find(({ list }) => Array.isArray(data[list]));
  if (names === undefined) return;
  const { list, result: resultName } = names;
  const items = data[list] as JsonObject[];
  switch (fault.kind) {
    case 'results-absent-after-effect':
      delete data[list];
      return;
    case 'results-fewer-after-effect':
      items.pop();
      return;
    case 'results-reordered':
      items.reverse();
      return;
    case 'results-as-text':
      changeFields(data, [resultName], asText);
      return;
    case 'items-refused-after-effect':
    case 'items-unlisted-before-effect':
    case 'items-unlisted-after-effect':
      data[list] = items.map((item) => ({
        [resultName]: fault.code,
        [list === 'verify_results' ? 'msg' : 'result_msg']: errorText(fault.code),
        code: item['code'],
        // A verification is taken back by this id: it stands beside every result of a cancel.
        verify_id: list === 'verify_results' ? undefined : item['verify_id'],
      }));
      return;
    case 'items-unreadable-before-effect':
    case 'items-unreadable-after-effect':
      for (const item of items) item[resultName] = unreadable(fault);
      return;
    case 'items-partly-unreadable-after-effect':
      for (const item of items.slice(-1)) item[resultName] = unreadable(fault);
      return;
    default:
      throw new Error(`no way to bend a body by ${fault.kind}`);
  }
}

function unreadable(fault: ChosenFault): JsonValue {
  return UNREADABLE_RESULTS[Math.floor(fault.dice * UNREADABLE_RESULTS.length)];
}

/** Items for a call that did nothing: one per code or verification that it named. */
function itemsAsAsked({ encryptedCodes, verifyIds }: CallFacts): JsonObject {
  return verifyIds === undefined
    ? { verify_results: (encryptedCodes ?? []).map((code) => ({ result: 0, msg: '', code })) }
    : {
        cancel_results: verifyIds.map((verifyId) => ({
          verify_id: verifyId,
          result_code: 0,
          result_msg: '',
        })),
      };
}

/** Douyin writes the same id as a number in one place and as text in another. */
function sameType(id: string, present: JsonValue): JsonValue {
  return typeof present === 'bigint' ? BigInt(id) : id;
}

function asText(value: JsonValue): JsonValue {
  return typeof value === 'number' ? String(value) : value;
}

function changeFields(value: JsonValue, names: string[], change: (value: JsonValue) => JsonValue): void {
  if (Array.isArray(value)) {
    for (const entry of value) changeFields(entry, names, change);
  } else if (isPlainObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      if (names.includes(name)) value[name] = change(field);
      else changeFields(field, names, change);
    }
  }
}
