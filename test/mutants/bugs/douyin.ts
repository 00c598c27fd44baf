// Bugs planted between us and Douyin: tokens, pace, digits, links.
import { type Mutant, mutant, mutantOf } from '../mutant.ts';

const TOKEN = 'src/douyin/access-token.ts';
const TOKEN_TESTS = ['test/douyin/access-token.test.ts'];
const BUDGET = 'src/douyin/call-budget.ts';
const BUDGET_TESTS = ['test/douyin/call-budget.test.ts'];
const LINK = 'src/douyin/short-link.ts';
const LINK_TESTS = ['test/douyin/short-link.test.ts'];
const HARMLESS = 'src/douyin/harmless-call.ts';
const CLIENT_TESTS = ['test/douyin/client.test.ts', 'test/douyin/transport.test.ts'];

export const DOUYIN_BUGS: readonly Mutant[] = [
  // Access token.
  mutantOf(
    TOKEN_TESTS,
    'a token is fetched by everybody who finds it ended',
    TOKEN,
    'this.#fetching ??= this.#obtainSuccessor(generation)',
    'this.#fetching = this.#obtainSuccessor(generation)',
  ),
  mutantOf(
    TOKEN_TESTS,
    'a token is never replaced ahead of its end',
    TOKEN,
    'if (this.#lifeMs(known) < REFRESH_AHEAD_MS && !this.#isPaused()) {',
    'if (this.#lifeMs(known) < 0 && !this.#isPaused()) {',
  ),
  mutantOf(
    TOKEN_TESTS,
    'memory is believed for ever',
    TOKEN,
    'this.#nowMs() - remembered.readAtMs < MEMORY_TRUST_MS',
    'this.#nowMs() - remembered.readAtMs >= 0',
  ),
  mutantOf(
    TOKEN_TESTS,
    'a failed fetch is repeated without a pause',
    TOKEN,
    'this.#pause = { untilMs: this.#nowMs() + pauseMs, error };',
    'this.#pause = { untilMs: this.#nowMs(), error };',
  ),
  mutantOf(
    TOKEN_TESTS,
    '“too frequent” pauses one process alone',
    TOKEN,
    'if (isTooFrequent) await store.acquireLease(',
    'if (isTooFrequent && pauseMs < 0) await store.acquireLease(',
  ),
  mutantOf(
    TOKEN_TESTS,
    'an error text is stored as a token',
    TOKEN,
    'if (!/^[\\x21-\\x7e]{8,2048}$/.test(accessToken)) throw',
    "if (accessToken === '') throw",
  ),

  // Pace and pauses.
  mutantOf(BUDGET_TESTS, 'verify is held by a pause', BUDGET, "if (purpose === 'verify') return;", ''),
  mutantOf(
    BUDGET_TESTS,
    'a pause asked of enrichment holds the tills',
    BUDGET,
    '(pause.endpoint === endpoint || pause.priority <= priority)',
    '(pause.endpoint === endpoint || pause.priority >= 0)',
  ),
  mutantOf(
    BUDGET_TESTS,
    'enrichment leaves the look-ups nothing of a second',
    BUDGET,
    'this.#calls <= leaves * this.#capacity',
    'this.#calls <= 0 * leaves',
  ),
  mutantOf(
    BUDGET_TESTS,
    'a place under way is never given back',
    BUDGET,
    'this.#underWay.set(purpose, this.underWay(purpose) - 1);',
    '',
  ),

  // Digits and links.
  mutantOf(
    ['test/douyin/lossless-json.test.ts'],
    'Douyin’s ids are rounded',
    'src/douyin/lossless-json.ts',
    '!Number.isSafeInteger(value) &&',
    '!Number.isFinite(value) &&',
  ),
  mutantOf(
    LINK_TESTS,
    'a link may name any host below the top-level domain of a listed suffix',
    LINK,
    'url.hostname.endsWith(suffix) && url.hostname.length > suffix.length',
    "url.hostname.endsWith(suffix.slice(suffix.lastIndexOf('.')))",
  ),
  mutantOf(
    LINK_TESTS,
    'a public name may lead to a private address',
    LINK,
    "if (parsed.range() !== 'unicast') return false;",
    '',
  ),
  mutantOf(
    LINK_TESTS,
    'a name with one public address may lead to a private one as well',
    LINK,
    'addresses.every(({ address }) => isPublicAddress(address))',
    'addresses.some(({ address }) => isPublicAddress(address))',
  ),
  mutantOf(
    LINK_TESTS,
    'a link that is gone is a Douyin that cannot be asked',
    LINK,
    'if (status >= 500 || status === 429 || status === 408) throw',
    'if (status >= 404 || status === 429 || status === 408) throw',
  ),
  mutantOf(
    LINK_TESTS,
    'a plus sign in a link’s data is a blank',
    LINK,
    "objectId?.replaceAll(' ', '+') ?? ''",
    "objectId ?? ''",
  ),
  mutantOf(
    CLIENT_TESTS,
    'a refused access token is not replaced',
    HARMLESS,
    "if (ended !== 'refresh_token') return ended;",
    "if (ended !== 'refresh_token') return ended;\n  if (token.generation >= 0) throw refusedGateway(call.endpoint, 'the access token was refused');",
  ),
  mutantOf(
    CLIENT_TESTS,
    'a harmless call is not repeated when a kept-alive connection broke',
    HARMLESS,
    "sent.kind === 'lost' && sent.isConnectionLoss ?",
    "sent.kind === 'lost' && !sent.isConnectionLoss ?",
  ),

  // Money.
  mutant(
    'each coupon of an order of several has the order’s amounts',
    'src/domain/amounts.ts',
    'return order.couponCount === 1 ? order : null;',
    'return order.couponCount === 0 ? null : order;',
  ),
  mutant(
    'a use of a times card costs the card’s price',
    'src/domain/amounts.ts',
    'isOfCard ? priceOfUse(use, certificate)',
    'isOfCard ? { payFen: certificate.payAmountFen, originalFen: certificate.originalAmountFen }',
  ),
  mutant(
    'a discount is the list price',
    'src/domain/amounts.ts',
    'Math.max(0, originalFen - payFen)',
    'Math.max(0, originalFen)',
  ),
  mutant(
    'what the merchant receives for a coupon is what was paid for it',
    'src/domain/amounts.ts',
    'receiptFen: share?.receiptAmountFen ?? null,',
    'receiptFen: share?.payAmountFen ?? null,',
  ),
  mutant(
    'a coupon’s part of its order is the whole order',
    'src/domain/amounts.ts',
    'if (part && more.length === 0) return part;',
    'if (part && more.length === 0) return order;',
  ),
  mutant(
    'one sub-order stands for the coupon whose number it has, whoever else it is of',
    'src/douyin/mapping.ts',
    'if (!isToldApart) return [];',
    'if (!isToldApart && items.length === 0) return [];',
  ),
];
