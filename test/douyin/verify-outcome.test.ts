// The outcome table of a verify call, row by row, for a first attempt and for a repeat; the first matching row wins.
import { describe, expect, it } from '@jest/globals';
import type { VerifyOutcome } from '../../src/ports/douyin.ts';
import type { Exchange } from '../../src/douyin/http-exchange.ts';
import { readExchange } from '../../src/douyin/wire.ts';
import {
  judgeTokenRefusedAgain,
  judgeVerify,
  notSent,
  type RetryWithFreshToken,
  type VerifyAttempt,
} from '../../src/douyin/verify-outcome.ts';

const SENT_CODE = 'CgYIASAHKAESLgos8Xk2/bQ+aA==';
const OTHER_CODE = 'CgYIASAHKAESLgosPq0r+W6/aA==';

type Judged = VerifyOutcome | RetryWithFreshToken;
type Kind = Judged['kind'];

interface Row {
  readonly row: string;
  readonly what: string;
  readonly exchange: Exchange;
  readonly first: Kind;
  readonly repeat: Kind;
  readonly isCallerSupplied?: boolean;
}

const answered = (status: number, body: unknown): Exchange => ({
  kind: 'answered',
  status,
  headers: {},
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

interface Codes {
  readonly extra?: unknown;
  readonly data?: unknown;
  readonly description?: string;
  readonly status?: number;
  readonly items?: unknown;
}

/** An answer of Douyin's; a code given as undefined is missing. */
const douyin = ({ extra = 0, data = 0, description = 'x', status = 200, items }: Codes): Exchange =>
  answered(status, {
    data: { error_code: data, description, ...(items === undefined ? {} : { verify_results: items }) },
    extra: { error_code: extra, description, sub_error_code: 0, logid: '20260315EX2', now: 1773570668 },
  });

const item = (result: unknown, more: object = {}) => ({ result, msg: 'm', code: SENT_CODE, ...more });
const codes = (errorCodes: readonly number[], row: Omit<Row, 'exchange' | 'what'>): Row[] =>
  errorCodes.flatMap((code) => [
    { ...row, what: `data ${code}`, exchange: douyin({ data: code }) },
    { ...row, what: `extra ${code}`, exchange: douyin({ extra: code }) },
    { ...row, what: `both ${code}, as text`, exchange: douyin({ extra: String(code), data: String(code) }) },
    { ...row, what: `${code} with HTTP 400`, exchange: douyin({ extra: code, data: code, status: 400 }) },
    { ...row, what: `${code} without data`, exchange: answered(200, { extra: { error_code: code } }) },
    { ...row, what: `${code} beside a result 0`, exchange: douyin({ data: code, items: [item(0)] }) },
  ]);

const STALE_TOKEN = [2190002, 2190008, 28001003, 28001008];
const BUSY = [
  2100001, 2100004, 2119002, 2119003, 28001005, 28001006, 5000001, 6001001, 28001052, 28003018,
]; // prettier-ignore
const GATEWAY_REFUSED = [
  2100007, 2100009, 2119005, 2119008, 2119010, 2190001, 2190003, 2190004, 2190015, 1508,
  28001012, 28001013, 28001014, 28001015, 28001016, 28001017, 28001018, 28001019, 28001056, 28003017,
]; // prettier-ignore
const BAD_REQUEST = [2100005, 2119001, 28001007, 200002, 1502, 4000001];
const COUPON_REFUSED = [
  1212, 1221, 1228, 1241, 1250, 1263, 1265, 3000002, 3100101, 1033000519, 45005117, 2119006, 2119007,
]; // prettier-ignore
const UNKNOWN_RESULTS = [1207, 9999, 3000001, -5, -1, 28001020, 'abc', '1.5', 1.5, true, {}];
const RETRY_TEXTS = ['服务器错误，请稍后重试', '您的访问过于频繁，请稍后重试'];

const rows: Row[] = [
  ...['ENOTFOUND', 'ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'timeout'].map((cause): Row => ({
    row: '1',
    what: cause,
    exchange: { kind: 'not_sent', cause },
    first: 'not_sent',
    repeat: 'unknown',
  })),
  ...['timeout', 'ECONNRESET', 'UND_ERR_SOCKET'].map((cause): Row => ({
    row: '2',
    what: `${cause} after a byte`,
    exchange: { kind: 'lost', cause, isConnectionLoss: true },
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...[429, 500, 502, 503, 504].flatMap((status): Row[] =>
    [
      answered(status, '<html>'),
      answered(status, ''),
      douyin({ status, items: [item(0)] }),
      douyin({ status, data: 2190008, extra: 2190008 }),
      douyin({ status, data: 1212, extra: 1212 }),
    ].map((exchange, index) => ({
      row: '3',
      what: `HTTP ${status}, body ${index}`,
      exchange,
      first: 'unknown',
      repeat: 'unknown',
    })),
  ),
  ...[201, 204, 302, 403, 404].flatMap((status): Row[] => [
    {
      row: '3',
      what: `HTTP ${status}, no codes`,
      exchange: answered(status, {}),
      first: 'unknown',
      repeat: 'unknown',
    },
    {
      row: '3',
      what: `HTTP ${status}, codes 0 / 0`,
      exchange: douyin({ status, items: [item(0)] }),
      first: 'unknown',
      repeat: 'unknown',
    },
  ]),
  ...(
    [
      ['empty', ''],
      ['cut', '{"data":{"error_code":0,"verify_results":[{"result":0'],
      ['HTML', '<html>ok</html>'],
      ['null', 'null'],
      ['a list', '[]'],
      ['a text', '"ok"'],
      ['no codes', { data: { verify_results: [item(0)] }, extra: {} }],
      [
        'codes null and ""',
        { data: { error_code: null, verify_results: [item(0)] }, extra: { error_code: '' } },
      ],
      ['no envelope', { ok: true }],
      ['parts that are no objects', { data: 'x', extra: 1 }],
      ['absurdly deep', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ] as const
  ).map(([what, body]): Row => ({
    row: '4',
    what,
    exchange: answered(200, body),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...codes(STALE_TOKEN, { row: '5', first: 'retry_with_fresh_token', repeat: 'retry_with_fresh_token' }),
  ...codes(BUSY, { row: '6', first: 'unknown', repeat: 'unknown' }),
  ...RETRY_TEXTS.flatMap((description) =>
    [9999, 3000002, 2190004, 1212].map((code): Row => ({
      row: '6',
      what: `${code} with "${description}"`,
      exchange: douyin({ data: code, extra: code, description }),
      first: 'unknown',
      repeat: 'unknown',
    })),
  ),
  ...codes(GATEWAY_REFUSED, { row: '7', first: 'refused_gateway', repeat: 'unknown' }),
  ...codes(BAD_REQUEST, { row: '8', first: 'refused_gateway', repeat: 'unknown' }),
  ...codes(BAD_REQUEST, {
    row: '8, caller’s token',
    first: 'refused',
    repeat: 'unknown',
    isCallerSupplied: true,
  }),
  ...codes([1229], { row: '9', first: 'unknown', repeat: 'unknown' }),
  {
    row: '9',
    what: 'as result',
    exchange: douyin({ items: [item(1229)] }),
    first: 'unknown',
    repeat: 'unknown',
  },
  ...codes(COUPON_REFUSED, { row: '10', first: 'refused', repeat: 'unknown' }),
  ...COUPON_REFUSED.map((code): Row => ({
    row: '10',
    what: `${code} as result`,
    exchange: douyin({ items: [item(code)] }),
    first: 'refused',
    repeat: 'unknown',
  })),
  ...codes([3000001, 4000002, 424242, -1, 1208, 2], { row: '11', first: 'unknown', repeat: 'unknown' }),
  ...['abc', '1.5', 1.5, true, {}, '99999999999999999999', 1e300].map((code): Row => ({
    row: '11',
    what: `a code that is no integer, ${JSON.stringify(code)}`,
    exchange: douyin({ data: code, items: [item(0)] }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...([0, '0', null, ''] as const).flatMap((code): Row[] => [
    {
      row: '12',
      what: `data ${JSON.stringify(code)} beside extra 0 and a result`,
      exchange: douyin({ data: code, items: [item(0)] }),
      first: 'verified',
      repeat: 'verified',
    },
    {
      row: '12',
      what: `extra ${JSON.stringify(code)} beside data 0 and a result`,
      exchange: douyin({ extra: code, items: [item('0')] }),
      first: 'verified',
      repeat: 'verified',
    },
    {
      row: '15',
      what: `data ${JSON.stringify(code)} beside extra 0, no results`,
      exchange: douyin({ data: code }),
      first: 'unknown',
      repeat: 'unknown',
    },
  ]),
  {
    row: '12',
    what: 'extra missing beside data 0 and a result',
    exchange: answered(200, { data: { error_code: 0, verify_results: [item(0)] } }),
    first: 'verified',
    repeat: 'verified',
  },
  {
    row: '12',
    what: 'no echo of the code',
    exchange: douyin({ items: [{ result: 0, msg: 'ok' }] }),
    first: 'verified',
    repeat: 'verified',
  },
  ...[1208, 2, '1208', '2'].map((result): Row => ({
    row: '13, 14',
    what: `result ${JSON.stringify(result)}`,
    exchange: douyin({ items: [item(result)] }),
    first: 'refused',
    repeat: 'verified',
  })),
  ...(
    [
      ['results missing', undefined],
      ['results null', null],
      ['results ""', ''],
      ['results empty', []],
      ['results no list', { result: 0 }],
      ['a result null', [null]],
      ['a result without its code', [{ code: SENT_CODE }]],
      ['a result with its code null', [item(null)]],
      ['a result with its code ""', [item('')]],
      ['the result of another coupon', [item(0, { code: OTHER_CODE })]],
      ['another coupon’s 1208', [item(1208, { code: OTHER_CODE })]],
      ['another coupon’s refusal', [item(1212, { code: OTHER_CODE })]],
    ] as const
  ).map(([what, items]): Row => ({
    row: '15',
    what,
    exchange: douyin({ items }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...[...UNKNOWN_RESULTS, ...STALE_TOKEN, ...GATEWAY_REFUSED, ...BAD_REQUEST].map((result): Row => ({
    row: '16',
    what: `result ${JSON.stringify(result)}, which Douyin documents for no item`,
    exchange: douyin({ items: [item(result)] }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...BUSY.map((result): Row => ({
    row: '6, as result',
    what: `result ${result}: may be done`,
    exchange: douyin({ items: [item(result)] }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...RETRY_TEXTS.map((msg): Row => ({
    row: '6, as result',
    what: `"${msg}" as the item’s words`,
    exchange: douyin({ items: [item(9999, { msg })] }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  ...(
    [
      ['twice the same', [item(0), item(0)]],
      ['two coupons', [item(0), item(0, { code: OTHER_CODE })]],
      ['0 and 1208', [item(0), item(1208)]],
      ['0 and refused', [item(0), item(1212, { code: OTHER_CODE })]],
      ['refused twice', [item(1212), item(1212)]],
    ] as const
  ).map(([what, items]): Row => ({
    row: '17',
    what: `more results than coupons: ${what}`,
    exchange: douyin({ items }),
    first: 'unknown',
    repeat: 'unknown',
  })),
  // Both codes not 0 and different: row 5's first, then row 6's, then data's.
  ...(
    [
      [{ extra: 2190008, data: 2119002 }, 'retry_with_fresh_token', 'retry_with_fresh_token'],
      [{ extra: 2119002, data: 2190008 }, 'retry_with_fresh_token', 'retry_with_fresh_token'],
      [{ extra: 2119002, data: 1212 }, 'unknown', 'unknown'],
      [{ extra: 1212, data: 2119002 }, 'unknown', 'unknown'],
      [{ extra: 2190004, data: 1212 }, 'refused', 'unknown'],
      [{ extra: 1212, data: 2190004 }, 'refused_gateway', 'unknown'],
      [{ extra: 3000001, data: 1212 }, 'refused', 'unknown'],
      [{ extra: 1212, data: 3000001 }, 'unknown', 'unknown'],
    ] as const
  ).map(([both, first, repeat]): Row => ({
    row: 'precedence',
    what: JSON.stringify(both),
    exchange: douyin(both),
    first,
    repeat,
  })),
];

const judge = (exchange: Exchange, attempt: VerifyAttempt, isCallerSupplied = false): Judged =>
  judgeVerify(readExchange(exchange), attempt, { encryptedCode: SENT_CODE, isCallerSupplied });

describe('judgeVerify', () => {
  it.each(rows)('row $row: $what → $first / $repeat', ({ exchange, first, repeat, isCallerSupplied }) => {
    expect(judge(exchange, 'first', isCallerSupplied).kind).toBe(first);
    expect(judge(exchange, 'repeat', isCallerSupplied).kind).toBe(repeat);
  });

  it('gives the ids of a success as text, digit by digit, and the answer as it came', () => {
    const text = `{"data":{"error_code":0,"description":"success","verify_results":[{"result":0,"msg":"验券成功","code":"${SENT_CODE}","verify_id":7372601122334455667,"certificate_id":7372594810362817586,"order_id":"1086312045673319463","origin_code":"104686126200131","account_id":"7126518000000000001","verify_time":1773570668}]},"extra":{"error_code":0}} `;
    expect(judge(answered(200, text), 'first')).toEqual({
      kind: 'verified',
      response: text,
      isReplay: false,
      item: {
        verifyId: '7372601122334455667',
        certificateId: '7372594810362817586',
        orderId: '1086312045673319463',
        originCode: '104686126200131',
        productId: '',
        verifyTime: new Date('2026-03-15T10:31:08Z'),
        amount: null,
      },
    });
  });

  it.each([
    ['the certificate alone', { code: '', certificate_id: '7' }, 'unknown'],
    ['the order alone', { code: '', order_id: '7' }, 'unknown'],
    ['the code too', { certificate_id: '7', order_id: '7' }, 'verified'],
    ['nothing', { code: '' }, 'verified'],
  ] as const)('of a coupon whose ids are not known yet, named %s', (_what, names, expected) => {
    const judged = judgeVerify(readExchange(douyin({ items: [item(0, names)] })), 'first', {
      encryptedCode: SENT_CODE,
      isCallerSupplied: true,
    });
    expect(judged.kind).toBe(expected);
  });

  it('believes no item that names another coupon or order than prepare did', () => {
    const sent = { encryptedCode: SENT_CODE, certificateId: '7', orderId: '8', isCallerSupplied: false };
    const kindOf = (ids: object) =>
      judgeVerify(readExchange(douyin({ items: [item(0, ids)] })), 'first', sent).kind;
    expect(kindOf({ certificate_id: 7, order_id: '8' })).toBe('verified');
    expect(kindOf({ certificate_id: '', order_id: '0' })).toBe('verified');
    expect(kindOf({ certificate_id: '9' })).toBe('unknown');
    expect(kindOf({ order_id: '9' })).toBe('unknown');
    expect(judge(douyin({ items: [item(0, { certificate_id: '9', order_id: '9' })] }), 'first').kind).toBe(
      'verified',
    );
  });

  it('says of 1208 that the coupon was used before, or that our own earlier attempt did it', () => {
    const exchange = douyin({ items: [item(1208, { msg: '该券已被核销' })] });
    expect(judge(exchange, 'first')).toMatchObject({
      isAlreadyUsed: true,
      errorCode: 1208,
      description: '该券已被核销',
    });
    expect(judge(exchange, 'repeat')).toMatchObject({ isReplay: true, item: { verifyId: '', orderId: '' } });
  });

  it('keeps the item’s code and words when the item is refused with error codes 0', () => {
    const exchange = douyin({ description: 'success', items: [item(1265, { msg: '含已退款的券' })] });
    expect(judge(exchange, 'first')).toMatchObject({
      kind: 'refused',
      errorCode: 1265,
      description: '含已退款的券',
      isAlreadyUsed: false,
    });
  });

  const whyOf = (exchange: Exchange, attempt: VerifyAttempt, isCallerSupplied = false) => {
    const judged = judge(exchange, attempt, isCallerSupplied);
    return judged.kind === 'unknown' ? judged.why : judged.kind;
  };
  const both = (code: unknown) => douyin({ data: code, extra: code });

  it('lets a refusal of a repeat be settled by a look-up, but not a refusal of the gateway or a code without meaning', () => {
    expect(judge(both(1212), 'repeat')).toMatchObject({ kind: 'unknown', errorCode: 1212, why: 'refused' });
    expect(whyOf(both(2100005), 'repeat', true)).toBe('refused');
    expect(whyOf(douyin({ items: [item(1241)] }), 'repeat')).toBe('refused');
    for (const code of [2100005, 2190004, 2119002, 3000001, 9999]) {
      expect(judge(both(code), 'repeat')).toMatchObject({
        kind: 'unknown',
        errorCode: code,
        why: 'unanswered',
      });
    }
  });

  it.each(['first', 'repeat'] as const)(
    'looks at once, on a %s, where Douyin answered about the coupon and is not understood',
    (attempt) => {
      for (const result of UNKNOWN_RESULTS) {
        expect(judge(douyin({ items: [item(result)] }), attempt)).toMatchObject({
          kind: 'unknown',
          why: 'unclear',
          errorCode: typeof result === 'number' && Number.isInteger(result) ? result : null,
        });
      }
      for (const exchange of [
        // Documented as an item's result alone.
        both(1208),
        both(2),
        douyin({}),
        douyin({ items: [item(null)] }),
        douyin({ items: [item(0), item(0)] }),
        douyin({ items: [item(0, { code: OTHER_CODE })] }),
      ]) {
        expect(whyOf(exchange, attempt)).toBe('unclear');
      }
    },
  );

  it('repeats on schedule what was lost, busy, or answered by something between', () => {
    for (const exchange of [
      { kind: 'lost', cause: 'timeout', isConnectionLoss: false } as const,
      answered(502, '<html>'),
      answered(200, '{"data":{"error_code":0'),
      both(2119002),
      douyin({ items: [item(2119003)] }),
      douyin({ status: 201, items: [item(0)] }),
    ]) {
      expect(whyOf(exchange, 'first')).toBe('unanswered');
      expect(whyOf(exchange, 'repeat')).toBe('unanswered');
    }
  });

  it('has no error code where Douyin gave none, or one that cannot be read', () => {
    expect(judge(answered(502, '<html>'), 'first')).toMatchObject({ why: 'unanswered', errorCode: null });
    expect(judge(both('abc'), 'first')).toMatchObject({ why: 'unanswered', errorCode: null });
    expect(judge(both(-1), 'first')).toMatchObject({ why: 'unanswered', errorCode: -1 });
  });

  it('does not repeat while Douyin reviews the coupon', () => {
    expect(judge(douyin({ data: 1229 }), 'first')).toMatchObject({ why: 'in_review', errorCode: 1229 });
    expect(judge(douyin({ items: [item(1229)] }), 'repeat')).toMatchObject({
      why: 'in_review',
      errorCode: 1229,
    });
  });

  it.each([
    [
      'recorded: the use’s own, numbers',
      {
        time_card_amount: { amount: 19400 },
        times_card_serial_amount: {
          serial_numb: 2,
          amount: { original_amount: 26895, pay_amount: 19400, merchant_ticket_amount: 7495 },
        },
      },
      { payFen: 19400, originalFen: 26895, serialNumber: 2 },
    ],
    [
      'texts',
      { times_card_serial_amount: { serial_numb: '3', amount: { original_amount: '200', pay_amount: '0' } } },
      { payFen: 0, originalFen: 200, serialNumber: 3 },
    ],
    [
      'only the card’s amount for the use',
      { time_card_amount: { amount: '1300' }, times_card_serial_amount: null },
      { payFen: 1300, originalFen: null, serialNumber: null },
    ],
    [
      'the card’s amount in parts',
      { time_card_amount: { amount: { pay_amount: 1300, original_amount: 1500 } } },
      { payFen: 1300, originalFen: 1500, serialNumber: null },
    ],
    [
      'an amount that cannot be read',
      { times_card_serial_amount: { serial_numb: 1, amount: { pay_amount: -5 } } },
      { payFen: null, originalFen: null, serialNumber: 1 },
    ],
    ['nothing', {}, null],
    ['a benefit card’s, which the gateway does not redeem', { benefit_amount: { amount: 5 } }, null],
  ])('reads what a use cost: %s', (_, verify_amount_info, amount) => {
    expect(judge(douyin({ items: [item(0, { verify_amount_info })] }), 'first')).toMatchObject({
      kind: 'verified',
      item: { amount },
    });
  });

  it('keeps a JSON answer for the record, and nothing that is no JSON object', () => {
    expect(judge(douyin({ data: 2119002 }), 'first')).toMatchObject({
      response: expect.stringContaining('2119002'),
    });
    expect(judge(answered(502, '<html>'), 'first')).toMatchObject({ kind: 'unknown', response: null });
  });

  it('says nothing of the coupon in the reason for operators, but Douyin’s log id', () => {
    for (const { exchange } of rows) {
      const judged = judge(exchange, 'repeat');
      if (judged.kind !== 'unknown') continue;
      expect(judged.reason).not.toContain(SENT_CODE);
      expect(judged.reason).not.toContain(OTHER_CODE);
    }
    expect(judge(douyin({ data: 2119002 }), 'first')).toMatchObject({
      reason: expect.stringContaining('20260315EX2'),
    });
  });

  it('cuts long words and takes out what a database text cannot hold', () => {
    const judged = judge(douyin({ data: 1212, description: `券\u0000不存在${'长'.repeat(5000)}` }), 'first');
    expect(judged).toMatchObject({ kind: 'refused', description: expect.stringMatching(/^券不存在长+$/) });
    expect(judged.kind === 'refused' && judged.description.length).toBeLessThanOrEqual(500);
  });
});

describe('judgeTokenRefusedAgain', () => {
  it('refuses the gateway on a first attempt, and leaves a repeat unknown', () => {
    const judged = judge(douyin({ data: 2190008 }), 'first') as RetryWithFreshToken;
    expect(judgeTokenRefusedAgain(judged, 'first')).toMatchObject({
      kind: 'refused_gateway',
      errorCode: 2190008,
    });
    expect(judgeTokenRefusedAgain(judged, 'repeat')).toMatchObject({ kind: 'unknown', errorCode: 2190008 });
  });
});

describe('notSent', () => {
  it('never makes an earlier attempt undone', () => {
    expect(notSent('no access token', 'first')).toEqual({ kind: 'not_sent', reason: 'no access token' });
    expect(notSent('no access token', 'repeat')).toMatchObject({
      kind: 'unknown',
      why: 'unanswered',
      errorCode: null,
    });
  });
});
