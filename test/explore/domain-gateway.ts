// The adapter: what the model asks, answered by the real rules of src/domain and the real judgement of an answer. This is
// the only file of the walk that knows them. Each question is first written down as a short key of all that it depends on;
// the rule is given what the key says and nothing else, so an answer may be kept and given again.
import {
  judgeTokenRefusedAgain,
  judgeVerify,
  type SentVerify,
  type VerifyAttempt,
} from '../../src/douyin/verify-outcome.ts';
import type { Exchange } from '../../src/douyin/http-exchange.ts';
import { readExchange } from '../../src/douyin/wire.ts';
import { type Certificate, type CertificateUse, pickUsableCertificate } from '../../src/domain/coupon.ts';
import {
  type Claim,
  firstSendByDouyin,
  judgeLookUp,
  type LookUpVerdict,
  nextSettlementStep,
  untilNextLookUpMs,
} from '../../src/domain/settlement.ts';
import {
  answerRepeat,
  type GuardedRow,
  mayTransition,
  type SendsStop,
  type SettlementPolicy,
  type TransitionName,
  TRANSITIONS,
  type VerificationRequest,
} from '../../src/domain/verification.ts';
import { buildCertificate, buildUse } from '../domain/factories.ts';
import { CAME_TO, type Gateway, type RequestDifference, VERDICT } from './gateway.ts';
import {
  ANSWER,
  APP_LOST_RIGHT,
  GAP,
  GAPS,
  hasOption,
  isEncrypted,
  N,
  OPTIONS,
  optionsOf,
  OWNER,
  R,
  rowAt,
  runnerAt,
  STEP,
  U,
  useAt,
  USES,
} from './layout.ts';
import { ageMs, LIMITS, passageMs, passageSince } from './time-line.ts';

const POLICY: SettlementPolicy = LIMITS;
/** The database's now. */
const NOW_MS = Date.UTC(2026, 2, 15, 12);
/** Douyin's clock is ahead of the database's by this much: what compares the two shows. */
const DOUYIN_AHEAD_MS = 7 * 60_000;
const OWN_STORE = 'store-1';
const OTHER_STORE = 'store-2';

const STEP_NAMES = [
  'accepted',
  'accepted',
  'prepared',
  'sent',
  'unsettled',
  'settled',
  'settled',
  'not_attempted',
] as const;
const OUTCOMES = [null, 'unanswered', 'in_review', 'refused'] as const;
const STOPS = [null, 'operator', 'said_used', 'shown_used'] as const satisfies readonly (SendsStop | null)[];
const SHOWN = ['UNUSED', 'USED', 'REFUNDING', 'REFUNDED'] as const;
const NAMES = Object.keys(TRANSITIONS) as TransitionName[];
const NUMBER_OF = new Map(NAMES.map((name, number) => [name, number]));

const at = (ms: number): Date => new Date(NOW_MS + ms);
const atDouyin = (ms: number): Date => new Date(NOW_MS + DOUYIN_AHEAD_MS + ms);

export function domainGateway(): Gateway {
  const allowed = new Map<number, boolean>();
  const verdicts = new Map<string, LookUpVerdict>();
  const soons = new Map<string, boolean>();
  const steps = new Map<string, ReturnType<typeof nextSettlementStep>>();
  const outcomes = new Map<number, number>();
  const picks = new Map<number, number>();

  const next = (state: Uint8Array, v: number) => {
    const row = rowAt(v);
    const sent = sentOf(state, row, state[row + R.outcome] as number);
    const key = sent.join();
    let step = steps.get(key);
    if (step === undefined) {
      step = nextSettlementStep(buildSent(sent), POLICY);
      steps.set(key, step);
    }
    return step;
  };
  const lookUp = (state: Uint8Array, v: number, slot: number): LookUpVerdict => {
    const key = evidenceKey(state, v, slot);
    let verdict = verdicts.get(key);
    if (verdict === undefined) {
      verdict = judgeEvidence(key);
      verdicts.set(key, verdict);
    }
    return verdict;
  };

  return {
    sweepStartsUnsent: false,

    may(name, state, v, sends, openSends) {
      const row = rowAt(v);
      const key = [
        [NUMBER_OF.get(name) as number, 32],
        [state[row + R.step] as number, 8],
        [state[row + R.sends] as number, 8],
        [state[row + R.openSends] as number, 8],
        [state[row + R.outcome] as number, 4],
        [state[row + R.sendsStoppedBy] as number, 4],
        [sends, 8],
        [openSends, 8],
        [passageSince(state, state[row + R.roundStarted] as number), 8],
        [state[row + R.lastSent] === 0 ? 7 : passageSince(state, state[row + R.lastSent] as number), 8],
        [state[row + R.firstSent] === 0 ? 7 : passageSince(state, state[row + R.firstSent] as number), 8],
        [isHeldForSibling(state, v) ? 1 : 0, 2],
        [state[APP_LOST_RIGHT] as number, 2],
        [isTokenShared(state, v) ? 1 : 0, 2],
      ].reduce((whole, [digit, base]) => whole * (base as number) + (digit as number), 0);
      let may = allowed.get(key);
      if (may === undefined) {
        may = mayTransition(name, guardedRow(state, row), {
          seen: { sendCount: sends, openSendCount: openSends },
          policy: POLICY,
          isAppAllowed: state[APP_LOST_RIGHT] === 0,
          hasSiblingInDoubt: isHeldForSibling(state, v),
          isTokenShared: isTokenShared(state, v),
        });
        allowed.set(key, may);
      }
      return may;
    },

    answerRepeat: (step, difference) =>
      answerRepeat({ ...ASKED, step: STEP_NAMES[step] as GuardedRow['step'] }, askedWith(difference)),

    repeats: (state, v) => next(state, v).step === 'repeat',
    showsOperator: (state, v) => {
      const { step, waitMs } = next(state, v);
      return step === 'repeat' || waitMs === 0;
    },

    judgeAnswer(answer, use, isFirst, isCallerSupplied) {
      const key = ((answer * 8 + use) * 2 + Number(isFirst)) * 2 + Number(isCallerSupplied);
      let cameTo = outcomes.get(key);
      if (cameTo === undefined) {
        cameTo = judgeAnswered(answer, use, isFirst, isCallerSupplied);
        outcomes.set(key, cameTo);
      }
      return cameTo;
    },

    judgeLookUp(state, v, slot) {
      const verdict = lookUp(state, v, slot);
      switch (verdict.kind) {
        case 'success':
          return Number(verdict.use.verifyId);
        case 'refused':
          return VERDICT[verdict.reason];
        case 'undecided':
          return verdict.isUsedByAnother ? VERDICT.undecided_used : VERDICT.undecided;
      }
    },

    pick(first, second) {
      const key = (first + 1) * 8 + second + 1;
      let picked = picks.get(key);
      if (picked === undefined) {
        const listed = [first, second].flatMap((status, index) =>
          status < 0
            ? []
            : [
                buildCertificate({
                  certificateId: String(index + 1),
                  status: SHOWN[status] ?? 'UNKNOWN',
                  startTime: null,
                  expireTime: null,
                }),
              ],
        );
        picked = Number(pickUsableCertificate(listed, at(0))?.certificateId ?? 0);
        picks.set(key, picked);
      }
      return picked;
    },

    isHeldForSibling,

    looksAgainSoon: (state, v) => {
      const row = rowAt(v);
      const sent = sentOf(state, row, state[row + R.outcome] as number);
      const key = sent.join();
      let looksSoon = soons.get(key);
      if (looksSoon === undefined) {
        looksSoon = untilNextLookUpMs(buildSent(sent), POLICY) !== null;
        soons.set(key, looksSoon);
      }
      return looksSoon;
    },

    whyUndecided(state, v, slot) {
      const verdict = lookUp(state, v, slot);
      return verdict.kind === 'undecided' ? verdict.note.code : verdict.kind;
    },
  };
}

/** As the statement that counts a send asks the database: another row in doubt, of the coupon or of the picked one's order. */
function isHeldForSibling(state: Uint8Array, v: number): boolean {
  const options = optionsOf(state);
  if ((options & OPTIONS.second_scan) === 0) return false;
  if (isEncrypted(state, v)) return false;
  const isOtherEncrypted = (options & OPTIONS.second_is_encrypted) !== 0;
  const other = rowAt(1 - v);
  const step = state[other + R.step];
  const isInDoubt =
    (step === STEP.sent || step === STEP.unsettled) && (state[other + R.openSends] as number) > 0;
  if (!isInDoubt) return false;
  const own = state[rowAt(v) + R.coupon];
  return !isOtherEncrypted || own === 0 || own === state[other + R.coupon];
}

/** As the database says it: another row under the token that was sent, and did not fail. */
function isTokenShared(state: Uint8Array, v: number): boolean {
  if (!hasOption(state, 'token_is_shared')) return false;
  const other = rowAt(1 - v);
  const step = state[other + R.step];
  const isFailed = step === STEP.failed || step === STEP.not_attempted;
  return (state[other + R.openSends] as number) > 0 && !isFailed;
}

const ASKED: VerificationRequest = {
  mode: 'short_link',
  requestValue: 'https://v.douyin.com/a/',
  poiId: OWN_STORE,
};

function askedWith(difference: RequestDifference | null): VerificationRequest {
  switch (difference) {
    case null:
      return ASKED;
    case 'value':
      return { ...ASKED, requestValue: 'https://v.douyin.com/b/' };
    case 'mode':
      return { ...ASKED, mode: 'code' };
    case 'store':
      return { ...ASKED, poiId: OTHER_STORE };
  }
}

function guardedRow(state: Uint8Array, row: number): GuardedRow {
  const lastSent = state[row + R.lastSent] as number;
  const step = state[row + R.step] as number;
  return {
    step: STEP_NAMES[step] as GuardedRow['step'],
    verifyStatus: step === STEP.success ? 'success' : step >= STEP.failed ? 'failed' : 'processing',
    enrichmentStatus: 'pending',
    sendCount: state[row + R.sends] as number,
    openSendCount: state[row + R.openSends] as number,
    sendsStoppedBy: STOPS[state[row + R.sendsStoppedBy] as number] ?? null,
    lastOutcome: OUTCOMES[state[row + R.outcome] as number] ?? null,
    asOf: at(0),
    roundStartedAt: at(-passageMs(passageSince(state, state[row + R.roundStarted] as number))),
    lastSentAt: lastSent === 0 ? null : at(-passageMs(passageSince(state, lastSent))),
    // The worst case: people may decide as soon as any look-up may have been made.
    lastLookedUpAt: at(0),
    firstSentAt:
      state[row + R.firstSent] === 0
        ? null
        : at(-passageMs(passageSince(state, state[row + R.firstSent] as number))),
  };
}

const NO_AGE = -Infinity;

/** What the judgements look at of a row, in numbers. Ages in milliseconds. */
type SentKey = readonly [
  sends: number,
  openSends: number,
  outcome: number,
  sendsStoppedBy: number,
  firstSent: number,
  lastSent: number,
  preparedAt: number,
  options: number,
];

function sentOf(state: Uint8Array, row: number, outcome: number): SentKey {
  const age = (field: number) =>
    state[row + field] === 0 ? NO_AGE : ageMs(state, state[row + field] as number);
  return [
    state[row + R.sends] as number,
    state[row + R.openSends] as number,
    outcome,
    state[row + R.sendsStoppedBy] as number,
    age(R.firstSent),
    age(R.lastSent),
    age(R.preparedAt),
    optionsOf(state),
  ];
}

function buildSent(key: SentKey): Parameters<typeof judgeLookUp>[0] {
  const [sendCount, openSendCount, outcome, sendsStoppedBy, firstSent, lastSent, preparedAt, options] = key;
  const isSendTimed = (options & OPTIONS.no_time_at_send) === 0;
  const isPrepareTimed = (options & OPTIONS.no_time_at_prepare) === 0;
  const isTimesCard = (options & OPTIONS.times_card) !== 0;
  return {
    asOf: at(0),
    poiId: OWN_STORE,
    isTimesCard,
    timesUsedBefore: isTimesCard ? 0 : null,
    sendCount,
    openSendCount,
    sendsStoppedBy: STOPS[sendsStoppedBy] ?? null,
    lastOutcome: OUTCOMES[outcome] ?? null,
    firstSentAt: firstSent === NO_AGE ? null : at(-firstSent),
    lastSentAt: lastSent === NO_AGE ? null : at(-lastSent),
    douyinFirstSentAt: firstSent === NO_AGE || !isSendTimed ? null : atDouyin(-firstSent),
    douyinPreparedAt: preparedAt === NO_AGE || !isPrepareTimed ? null : atDouyin(-preparedAt),
  };
}

/** All that a look-up's judgement depends on, one character each, then the row in words. */
function evidenceKey(state: Uint8Array, v: number, slot: number): string {
  const runner = runnerAt(v, slot);
  const row = rowAt(v);
  const other = rowAt(1 - v);
  const codes = [
    optionsOf(state),
    v,
    state[runner + N.sends] as number,
    state[runner + N.openSends] as number,
    state[runner + N.outcome] as number,
    // The row's ages are those of when it was read, before Douyin was asked.
    state[runner + N.moment] as number,
    state[row + R.sendsStoppedBy] as number,
    state[row + R.firstSent] as number,
    state[row + R.lastSent] as number,
    state[row + R.preparedAt] as number,
    state[runner + N.seenStatus] as number,
    state[runner + N.seenUses] as number,
    state[runner + N.seenRecords] as number,
    state[runner + N.contradiction] as number,
    // Another verification of the coupon.
    ...(isOnSameCoupon(state, row, other)
      ? [
          state[other + R.step] as number,
          state[other + R.use] as number,
          state[other + R.firstSent] as number,
          state[other + R.lastSent] as number,
          state[other + R.preparedAt] as number,
          comesFirst(state, v) ? 1 : 0,
        ]
      : [0, 0, 0, 0, 0, 0]),
  ];
  for (let gap = 0; gap < GAPS; gap += 1) codes.push(state[GAP + gap] as number);
  for (let use = 0; use < USES; use += 1) {
    codes.push(state[useAt(use) + U.owner] as number, state[useAt(use) + U.at] as number);
  }
  return String.fromCharCode(...codes);
}

function isOnSameCoupon(state: Uint8Array, row: number, other: number): boolean {
  const step = state[other + R.step] as number;
  const mayHaveRedeemed =
    step === STEP.success ||
    ((step === STEP.sent || step === STEP.unsettled) && (state[other + R.openSends] as number) > 0);
  return mayHaveRedeemed && state[row + R.coupon] === state[other + R.coupon];
}

/** Of two unknown ones the older takes its use first; but one that is still repeated may be told apart by its token. */
function comesFirst(state: Uint8Array, v: number): boolean {
  const other = rowAt(1 - v);
  if (v === 1) return true;
  const sent = sentOf(state, other, state[other + R.outcome] as number);
  return nextSettlementStep(buildSent(sent), POLICY).step === 'repeat';
}

function judgeEvidence(key: string): LookUpVerdict {
  const codes = [...key].map((character) => character.charCodeAt(0));
  const take = () => codes.shift() as number;
  const options = take();
  const v = take();
  const [
    sends,
    openSends,
    outcome,
    asOf,
    stopped,
    firstSent,
    lastSent,
    preparedAt,
    status,
    seenUses,
    seenRecords,
    contradiction,
  ] = codes.splice(0, 12) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [otherStep, otherUse, otherFirstSent, otherLastSent, otherPreparedAt, isFirst] = codes.splice(
    0,
    6,
  ) as [number, number, number, number, number, number];
  const line = new Uint8Array(GAP + GAPS);
  line.set(codes.splice(0, GAPS), GAP);
  const has = (option: keyof typeof OPTIONS) => (options & OPTIONS[option]) !== 0;
  const age = (moment: number) => (moment === 0 ? NO_AGE : ageMs(line, moment) - ageMs(line, asOf));
  const verification = buildSent([
    sends,
    openSends,
    outcome,
    stopped,
    age(firstSent),
    age(lastSent),
    v === 1 && has('second_is_encrypted') ? NO_AGE : age(preparedAt),
    options,
  ]);

  const uses: CertificateUse[] = [];
  for (let use = 0; use < USES; use += 1) {
    const owner = take();
    const moment = take();
    uses.push(
      buildUse({
        verifyId: String(use + 1),
        verifyTime: atDouyin(-age(moment)),
        channel: owner === OWNER.other_channel ? 'other' : 'open_api',
        poiId: owner === OWNER.other_store ? OTHER_STORE : OWN_STORE,
        isCancelled: false,
      }),
    );
  }
  const shown = uses.flatMap((use, index) =>
    (seenUses & (1 << index)) === 0
      ? []
      : [
          {
            ...use,
            ...(contradiction === 1 ? { poiId: OTHER_STORE } : {}),
            isCancelled: (seenUses & (16 << index)) !== 0,
          },
        ],
  );
  const live = shown.filter((use) => !use.isCancelled);
  const isListed = contradiction !== 3;
  const certificate: Certificate = buildCertificate({
    status: SHOWN[status] ?? 'UNKNOWN',
    lastUse: isListed ? (live.at(-1) ?? null) : null,
    uses: isListed ? shown : [],
    ...(has('times_card') ? timesCard(live.length) : {}),
  });
  const recordedUses = uses.flatMap((use, index) => {
    if ((seenRecords & (1 << index)) === 0 || !isListed) return [];
    // Records name no store. Where Douyin heeds the store that it is asked for, only that one's come.
    if (!has('records_without_store') && use.poiId !== OWN_STORE) return [];
    const poiId = contradiction === 0 ? '' : contradiction === 1 ? OWN_STORE : OTHER_STORE;
    return [{ ...use, poiId, isCancelled: (seenRecords & (16 << index)) !== 0 }];
  });
  const claim: Claim = {
    id: 2 - v,
    poiId: OWN_STORE,
    verifyStatus: otherStep === STEP.success ? 'success' : 'processing',
    verifyId: otherUse === 0 ? '' : String(otherUse),
    verifyTime:
      otherUse === 0
        ? otherLastSent === 0
          ? null
          : atDouyin(-age(otherLastSent))
        : (uses[otherUse - 1]?.verifyTime ?? null),
    douyinFirstSentAt:
      !has('no_time_at_send') && otherFirstSent !== 0 ? atDouyin(-age(otherFirstSent)) : null,
    douyinPreparedAt:
      !has('no_time_at_prepare') && otherPreparedAt !== 0 ? atDouyin(-age(otherPreparedAt)) : null,
  };
  return judgeLookUp(
    verification,
    {
      certificate,
      recordedUses,
      areRecordsWhole: contradiction !== 4,
      notBefore: firstSendByDouyin(verification, has('no_time_at_look_up') ? null : atDouyin(0)),
      claims: otherStep === STEP.success ? [claim] : [],
      rivals: otherStep !== 0 && otherStep !== STEP.success && isFirst === 1 ? [claim] : [],
    },
    POLICY,
  );
}

function timesCard(timesUsed: number): Partial<Certificate> {
  return { kind: 'times_card', timesCount: 2, timesUsed };
}

const SENT: SentVerify = {
  encryptedCode: 'encrypted-1',
  certificateId: 'certificate-1',
  orderId: 'order-1',
  isCallerSupplied: false,
};

/** Douyin's answer in each of its wordings, read and judged as the client does. */
function judgeAnswered(answer: number, use: number, isFirst: boolean, isCallerSupplied: boolean): number {
  const [cameTo, ...more] = exchangesOf(answer, use).map((exchange) =>
    judgeExchange(exchange, isFirst ? 'first' : 'repeat', isCallerSupplied),
  );
  return cameTo !== undefined && more.every((other) => other === cameTo) ? cameTo : CAME_TO.inconsistent;
}

function judgeExchange(exchange: Exchange, attempt: VerifyAttempt, isCallerSupplied: boolean): number {
  const judged = judgeVerify(readExchange(exchange), attempt, { ...SENT, isCallerSupplied });
  const outcome = judged.kind === 'retry_with_fresh_token' ? judgeTokenRefusedAgain(judged, attempt) : judged;
  switch (outcome.kind) {
    case 'verified':
      return outcome.isReplay ? CAME_TO.replayed : CAME_TO.verified;
    case 'refused':
      return outcome.isAlreadyUsed ? CAME_TO.refused_as_used : CAME_TO.refused;
    case 'unknown':
      switch (outcome.why) {
        case 'unanswered':
          return CAME_TO.unanswered;
        case 'unclear':
          return CAME_TO.unclear;
        case 'in_review':
          return CAME_TO.in_review;
        case 'refused':
          return CAME_TO.refused_repeat;
      }
    case 'not_sent':
      return CAME_TO.not_sent;
    case 'refused_gateway':
      return CAME_TO.gateway_refused;
  }
}

const answered = (body: string, status = 200): Exchange => ({
  kind: 'answered',
  status,
  headers: {},
  body: Buffer.from(body),
});

/** An answer by error codes that stand for the whole call. */
function answeredCode(errorCode: number): Exchange {
  const data = { error_code: errorCode, description: '' };
  return answered(JSON.stringify({ data, extra: { ...EXTRA, error_code: errorCode } }));
}

/** An answer by the one item's own result. */
function answeredItem(result: number, ids: object = {}): Exchange {
  const item = { result, msg: '', code: SENT.encryptedCode, ...ids };
  const data = { error_code: 0, description: 'success', verify_results: [item] };
  return answered(JSON.stringify({ data, extra: EXTRA }));
}

const EXTRA = {
  error_code: 0,
  description: 'success',
  sub_error_code: 0,
  sub_description: '',
  logid: '1',
  now: 1,
};

/** How Douyin, the network or what is between words an answer: all of them must come to the same. */
function exchangesOf(answer: number, use: number): readonly Exchange[] {
  const { certificateId, orderId } = SENT;
  const verifyId = use === 0 ? '' : String(use);
  switch (answer) {
    case ANSWER.lost:
      return [
        { kind: 'lost', cause: 'time-out', isConnectionLoss: false },
        { kind: 'lost', cause: 'connection reset', isConnectionLoss: true },
      ];
    case ANSWER.not_sent:
      return [{ kind: 'not_sent', cause: 'connection refused' }];
    case ANSWER.ok:
      return [
        answeredItem(0, { verify_id: verifyId, certificate_id: certificateId, order_id: orderId }),
        answeredItem(0, { verify_id: verifyId }),
      ];
    case ANSWER.already_used:
      return [answeredItem(1208)];
    case ANSWER.refunded:
      return [answeredItem(1265), answeredCode(1265)];
    case ANSWER.busy:
      return [answeredCode(2119002), answeredItem(2119002)];
    case ANSWER.unlisted:
      return [answeredItem(98_765)];
    case ANSWER.in_review:
      return [answeredCode(1229), answeredItem(1229)];
    case ANSWER.token_refused:
      return [answeredCode(2190008)];
    case ANSWER.server_error:
      return [answered('<html>', 502), answered('{"data":{"error_code":0}}', 503)];
    case ANSWER.garbled:
      return [answered('<html>'), answered(''), answered('[]')];
    case ANSWER.of_another:
      return [
        answeredItem(0, { verify_id: '999', certificate_id: 'certificate-2', order_id: orderId }),
        answeredItem(0, { verify_id: '999', certificate_id: certificateId, order_id: 'order-2' }),
        answeredItem(0, { verify_id: '999', code: 'encrypted-2' }),
      ];
    default:
      throw new Error(`Douyin does not answer ${answer}`);
  }
}
