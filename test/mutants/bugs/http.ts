// Bugs planted in the HTTP surface: what a record shows, what a door lets in, what a file says.
import { type Mutant, mutantOf } from '../mutant.ts';

const PRESENT = 'src/http/presenters/present-verification.ts';
const VIEW_TESTS = ['test/http/verification-view.test.ts'];
const CSV = 'src/http/export/csv.ts';
const XLSX = 'src/http/export/xlsx.ts';
const REPORT_TESTS = ['test/http/internal/report-verifications.test.ts'];
const LIMIT = 'src/http/middleware/in-flight-limit.ts';
const LIMIT_TESTS = ['test/http/in-flight-limit.test.ts'];
const OPEN_AUTH = 'src/http/middleware/open-auth.ts';
const AUTH_TESTS = ['test/http/open/authentication.test.ts'];
const INTERNAL_AUTH = 'src/http/middleware/internal-auth.ts';
const INTERNAL_TESTS = ['test/http/internal-surface.test.ts', 'test/http/internal/apps.test.ts'];
const REQUEST_TESTS = ['test/http/request-handling.test.ts', 'test/http/unreadable-requests.test.ts'];

export const HTTP_BUGS: readonly Mutant[] = [
  // What a record shows.
  mutantOf(
    VIEW_TESTS,
    'what the merchant receives and the discount are swapped in every answer',
    PRESENT,
    'receipt_amount: verification.receiptAmount,\n    discount_amount: verification.discountAmount,',
    'receipt_amount: verification.discountAmount,\n    discount_amount: verification.receiptAmount,',
  ),
  mutantOf(
    VIEW_TESTS,
    'what was paid is what the merchant receives',
    PRESENT,
    'pay_amount: verification.payAmount,',
    'pay_amount: verification.receiptAmount,',
  ),
  mutantOf(
    VIEW_TESTS,
    'the product’s id is the SKU’s',
    PRESENT,
    'product_id: verification.productId,',
    'product_id: verification.skuId,',
  ),
  mutantOf(
    VIEW_TESTS,
    'the times of ordering and paying are swapped',
    PRESENT,
    'create_order_time: presentTime(verification.createOrderTime),\n    pay_time: presentTime(verification.payTime),',
    'create_order_time: presentTime(verification.payTime),\n    pay_time: presentTime(verification.createOrderTime),',
  ),
  mutantOf(
    VIEW_TESTS,
    'the source order is the external one',
    PRESENT,
    'source_order_id: verification.sourceOrderId,',
    'source_order_id: verification.extOrderId,',
  ),
  mutantOf(
    VIEW_TESTS,
    'the certificate is named by its plain code',
    PRESENT,
    'certificate_id: verification.certificateId,',
    'certificate_id: verification.originCode,',
  ),
  mutantOf(
    VIEW_TESTS,
    'the cashier and the device are swapped',
    PRESENT,
    'operator_id: verification.operatorId,\n    device_id: verification.deviceId,',
    'operator_id: verification.deviceId,\n    device_id: verification.operatorId,',
  ),
  mutantOf(
    VIEW_TESTS,
    'a record was changed when it was made',
    PRESENT,
    'updated_at: verification.updatedAt.toISOString(),',
    'updated_at: verification.createdAt.toISOString(),',
  ),
  mutantOf(
    VIEW_TESTS,
    'Douyin’s ids are rounded in its answer',
    'src/http/raw-json.ts',
    'if (value instanceof RawJson) return value.text;',
    'if (value instanceof RawJson) return JSON.stringify(JSON.parse(value.text));',
  ),

  // Files.
  mutantOf(
    REPORT_TESTS,
    'a formula in a text cell is run by the spreadsheet',
    CSV,
    'FORMULA_START.test(cell) ? ',
    "FORMULA_START.test('') ? ",
  ),
  mutantOf(REPORT_TESTS, 'quotes in a cell are not doubled', CSV, `.replaceAll('"', '""')`, ''),
  mutantOf(
    REPORT_TESTS,
    'a CSV file does not say that it is UTF-8',
    CSV,
    'yield BYTE_ORDER_MARK + csvLine',
    'yield csvLine',
  ),
  mutantOf(
    REPORT_TESTS,
    'ids in a sheet are numbers',
    XLSX,
    `typeof cell === 'number'
    ?`,
    `typeof cell === 'number' || /^\\d+$/.test(cell)
    ?`,
  ),
  mutantOf(
    REPORT_TESTS,
    'a file that breaks off looks whole',
    'src/http/guard.ts',
    "answer.body.once('error', () => ctx.req.socket.resetAndDestroy());",
    "answer.body.once('error', () => ctx.res.end());",
  ),

  // Doors.
  mutantOf(
    ['test/http/health.test.ts'],
    'a process that stops takes the work of offices',
    'src/http/middleware/refuse-when-stopping.ts',
    "ctx.path.startsWith('/v1/')",
    "ctx.path.startsWith('/v1/open/')",
  ),
  mutantOf(
    LIMIT_TESTS,
    'one more than the limit is let in',
    LIMIT,
    'if (this.#inFlight < this.limit) return;',
    'if (this.#inFlight <= this.limit) return;',
  ),
  mutantOf(LIMIT_TESTS, 'a place in flight is never given back', LIMIT, 'this.#inFlight -= 1;', ''),
  mutantOf(
    LIMIT_TESTS,
    'the limit is never lowered under overload',
    LIMIT,
    'Math.max(this.#least, this.#limit * SHRINK_FACTOR)',
    'Math.max(this.#least, this.#limit)',
  ),
  mutantOf(
    AUTH_TESTS,
    'a disabled app is served',
    OPEN_AUTH,
    "if (app.status === 'disabled') throw",
    "if (app.status !== 'disabled' && app.status !== 'active') throw",
  ),
  mutantOf(
    AUTH_TESTS,
    'a nonce is not spent where no row takes it',
    OPEN_AUTH,
    'if (!options.takesNonce) await',
    'if (options.takesNonce && isNonceTaken) await',
  ),
  mutantOf(
    ['test/http/open/rate-limits.test.ts'],
    'a nonce is not spent by a request that is refused before its row',
    OPEN_AUTH,
    'if (isNonceTaken) throw err;',
    'if (isNonceTaken || options.takesNonce) throw err;',
  ),
  mutantOf(
    ['test/http/open/rate-limits.test.ts'],
    'an app’s rate is told and not held',
    OPEN_AUTH,
    'if (!rate.isAllowed) {',
    'if (!rate.isAllowed && rate.limit < 0) {',
  ),
  mutantOf(
    INTERNAL_TESTS,
    'the internal surface is open to every network',
    INTERNAL_AUTH,
    'peer.kind() === network.kind() && peer.match(network, bits)',
    'network !== undefined && bits >= 0',
  ),
  mutantOf(
    INTERNAL_TESTS,
    'the acting user may be any text',
    INTERNAL_AUTH,
    "if (!UID.test(uid)) throw new AppError('auth.missing_uid');",
    "if (uid === '') throw new AppError('auth.missing_uid');",
  ),
  mutantOf(
    REQUEST_TESTS,
    'a body over the limit is taken when it does not tell its length',
    'src/http/middleware/raw-body.ts',
    'if (bytes > MAX_BODY_BYTES) throw tooLarge(ctx, Infinity);',
    '',
  ),
  mutantOf(
    REQUEST_TESTS,
    'any text may be a request’s id, also one that breaks the log’s line',
    'src/http/middleware/request-id.ts',
    'REQUEST_ID.test(given) ? given : randomUUID()',
    "given !== '' ? given : randomUUID()",
  ),
  mutantOf(
    REQUEST_TESTS,
    'an answer with tokens and codes may be cached',
    'src/http/middleware/request-id.ts',
    "ctx.set('Cache-Control', 'no-store');",
    '',
  ),
  mutantOf(
    REQUEST_TESTS,
    'an error’s words are Chinese in every language',
    'src/http/error-response.ts',
    'error: { code, message: ERRORS[code][language], request_id: requestId, ...(details ? { details } : {}) },',
    'error: { code, message: ERRORS[code].zh, request_id: requestId, ...(details ? { details } : {}) },',
  ),
];
