// A counterexample in words: every step with the state after it. And as a plan that another runner could replay.
import type { Gateway } from './gateway.ts';
import {
  ANSWER,
  AT,
  BY,
  COUPON,
  COUPONS,
  GAP,
  GAPS,
  HANDLER,
  LATE,
  N,
  OPTIONS,
  optionsOf,
  OUTCOME,
  OWNER,
  R,
  REVIEW,
  rowAt,
  runnerAt,
  STEP,
  STOP,
  T,
  tillAt,
  TOLD,
  U,
  useAt,
  USES,
} from './layout.ts';
import type { Violation } from './explorer.ts';
import { initialState, Model } from './model.ts';
import { ARGUMENTS, kindOf, type StepKind } from './model/steps.ts';

const nameOf = (table: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(table)
    .find((name) => table[name] === value)
    ?.replaceAll('_', ' ') ?? String(value);

const PASSAGE_WORDS = [
  'no time passes',
  'time passes beyond the limit for a first send',
  'time passes until nothing that was sent can arrive any more',
  'time passes beyond the time for repeats',
  'time passes until an unused coupon proves that nothing was redeemed',
  'time passes beyond the end of any review',
] as const;

const WORDS: Readonly<Record<StepKind, (who: string, argument: number) => string>> = {
  ask: (_, v) => `till ${v + 1} asks; the row is stored`,
  ask_unacknowledged: (_, v) =>
    `till ${v + 1} asks; the row is stored, its acknowledgement is lost, the till is told 503`,
  start: (_, v) => `the engine takes verification ${v + 1}`,
  start_lost: (_, v) => `the engine does not take verification ${v + 1}`,
  start_late_lost: (_, v) => `whether the engine took verification ${v + 1} is not known`,
  late_start: (_, v) => `the start of verification ${v + 1} arrives after all`,
  close_unsent: (_, v) => `the process closes what was not sent, and answers till ${v + 1}`,
  fence: (_, v) => `the process that answered 503 closes what may be stored of verification ${v + 1}`,
  fence_dies: (_, v) => `the process that answered till ${v + 1} with 503 dies`,
  tell: (_, v) => `till ${v + 1} is answered by the row`,
  tell_processing: (_, v) => `till ${v + 1} is answered "processing": its time is up`,
  till_goes: (_, v) => `the line to till ${v + 1} is cut, or its process dies`,
  come_back: (_, v) => `till ${v + 1} sends the same token again`,
  run: (_, v) => `verification ${v + 1} is run again: nobody runs it`,
  run_beside: (_, v) => `a second runner of verification ${v + 1} starts beside the first`,
  sweep_close: (_, v) => `the sweep closes verification ${v + 1} as never sent`,
  begin: (who) => `${who} reads the row`,
  prepare: (who) => `${who} asks Douyin to prepare`,
  prepare_fails: (who) => `${who} cannot ask Douyin to prepare`,
  store_prepared: (who) => `${who} stores what prepare told`,
  give_up_waiting: (who) => `${who} gives up waiting for the other verification of the order`,
  count: (who) => `${who} counts a send`,
  send: (who) => `${who} sends the verify`,
  send_fails: (who) => `${who} does not send: no connection, or it stood still for too long`,
  send_fails_unacknowledged: (who) =>
    `${who} loses its connections: it does not send, stores that, and will store it again`,
  arrive: (who) => `Douyin judges the verify of ${who}`,
  arrive_busy: (who) => `Douyin is busy, and does nothing for ${who}`,
  arrive_busy_done: (who) => `Douyin says that it is busy, and redeems all the same for ${who}`,
  arrive_unlisted: (who) => `Douyin answers ${who} a result that nobody explains, and does nothing`,
  arrive_unlisted_done: (who) => `Douyin answers ${who} a result that nobody explains, and redeems`,
  arrive_server_error: (who) => `something before Douyin answers ${who} 502; nothing is done`,
  arrive_server_error_done: (who) => `something before Douyin answers ${who} 502; Douyin redeems`,
  arrive_garbled: (who) => `the answer to ${who} is no JSON; nothing is done`,
  arrive_garbled_done: (who) => `the answer to ${who} is no JSON; Douyin redeems`,
  arrive_of_another: (who) => `the answer to ${who} is about another coupon; nothing is done`,
  arrive_of_another_done: (who) => `the answer to ${who} is about another coupon; Douyin redeems`,
  arrive_review: (who) => `Douyin puts the verify of ${who} under review`,
  arrive_token_refused: (who) => `Douyin refuses the access token of ${who}`,
  answer_lost: (who) => `Douyin's answer to ${who} is lost`,
  time_out: (who) => `${who} gives up waiting; its verify may still arrive`,
  store: (who) => `${who} stores what the verify came to`,
  close_uncounted: (who) => `${who} closes the round of which nothing was sent`,
  read: (who) => `${who} asks Douyin's reads`,
  read_stale: (who) => `${who} asks Douyin's reads, which do not show the latest use yet`,
  read_without_records: (who) => `${who} asks Douyin's reads; the records are empty`,
  read_other_store: (who) => `${who} asks Douyin's reads; get names another store than the records`,
  read_other_store_recorded: (who) => `${who} asks Douyin's reads; the records name another store than get`,
  read_card_without_uses: (who) => `${who} asks Douyin's reads, which count the card's uses and list none`,
  read_records_cut: (who) => `${who} asks Douyin's reads, which show no use, and not all of the records`,
  judge: (who) => `${who} judges what it read`,
  store_verdict: (who) => `${who} stores the verdict of the reads`,
  look_again: (who) => `${who} looks again`,
  die: (who) => `the process of ${who} dies`,
  late_arrives: (_, argument) => `a verify of verification ${(argument >> 1) + 1} arrives late`,
  review_passes: (_, v) => `the review of verification ${v + 1} passes: Douyin redeems`,
  review_fails: (_, v) => `the review of verification ${v + 1} fails`,
  used_other_channel: () => `somebody uses coupon 1 in Douyin's own till, in our store`,
  used_other_store: () => `another store uses coupon 1 through the API`,
  used_same_store: () => `another system with our Douyin app uses coupon 1 in our store, and time passes`,
  use_cancelled: (_, use) => `use ${use + 1} is cancelled at Douyin`,
  refund_applied: () => `the customer asks for a refund of coupon 1`,
  refund_granted: () => `the refund is granted`,
  refund_rejected: () => `the refund is rejected`,
  operator_looks: (_, v) => `an operator looks at verification ${v + 1}`,
  app_loses_right: () => `the app is disabled`,
  operator_says_success: (_, v) => `the operator says: verification ${v + 1} succeeded`,
  operator_says_failed: (_, v) => `the operator says: verification ${v + 1} failed`,
  time_passes: (_, passage) => PASSAGE_WORDS[passage] ?? '',
};

export function describeStep(step: number): string {
  const argument = step % ARGUMENTS;
  const who = `runner ${'ab'[argument & 1]} of verification ${(argument >> 1) + 1}`;
  return WORDS[kindOf(step)](who, argument);
}

const ownerWords = (owner: number): string =>
  owner >= OWNER.other_channel
    ? nameOf(OWNER, owner)
    : `verification ${Math.floor((owner - 1) / 2) + 1}, round ${((owner - 1) % 2) + 1}`;

/** The state in a few lines; what is at its beginning is left out. */
export function describeState(s: Uint8Array): string {
  const lines: string[] = [];
  for (let v = 0; v < 2; v += 1) {
    const row = rowAt(v);
    const step = s[row + R.step] as number;
    if (step === STEP.none) continue;
    const parts = [
      `verification ${v + 1}: ${nameOf(STEP, step)}, round ${s[row + R.round]}`,
      `${s[row + R.sends]} sends, ${s[row + R.openSends]} open`,
      ...(s[row + R.coupon] === 0 ? [] : [`coupon ${s[row + R.coupon]}`]),
      ...(s[row + R.outcome] === 0 ? [] : [nameOf(OUTCOME, s[row + R.outcome] as number)]),
      ...(s[row + R.by] === 0 ? [] : [`by ${nameOf(BY, s[row + R.by] as number)}`]),
      ...(s[row + R.use] === 0 ? [] : [`use ${s[row + R.use]}`]),
      ...(s[row + R.sendsStoppedBy] === 0
        ? []
        : [`sends stopped: ${nameOf(STOP, s[row + R.sendsStoppedBy] as number)}`]),
      `till told ${nameOf(TOLD, s[tillAt(v) + T.told] as number)}`,
      ...(s[tillAt(v) + T.handler] === 0
        ? []
        : [`handler ${nameOf(HANDLER, s[tillAt(v) + T.handler] as number)}`]),
    ];
    for (let slot = 0; slot < 2; slot += 1) {
      const runner = runnerAt(v, slot);
      if (s[runner] === AT.none) continue;
      const answer = s[runner + N.at] === AT.prepared ? 0 : (s[runner + N.answer] as number);
      parts.push(
        `runner ${'ab'[slot]} ${nameOf(AT, s[runner] as number)}${answer === 0 ? '' : ` (${nameOf(ANSWER, answer)})`}`,
      );
    }
    const late = (s[LATE + v * 2] as number) + (s[LATE + v * 2 + 1] as number);
    if (late > 0) parts.push(`${late} under way without a waiting sender`);
    if (s[REVIEW + v] !== 0) parts.push('in review at Douyin');
    lines.push(parts.join(', '));
  }
  const uses: string[] = [];
  for (let use = 0; use < USES; use += 1) {
    const at = useAt(use);
    if (s[at + U.owner] === 0) continue;
    uses.push(
      `use ${use + 1} of coupon ${s[at + U.coupon]} by ${ownerWords(s[at + U.owner] as number)}` +
        (s[at + U.isCancelled] === 1 ? ', cancelled' : ''),
    );
  }
  const coupons = [1, 2]
    .slice(0, (optionsOf(s) & OPTIONS.two_coupons) === 0 ? 1 : 2)
    .map((coupon) => `coupon ${coupon} ${nameOf(COUPON, s[COUPONS + coupon - 1] as number)}`);
  lines.push([`Douyin: ${coupons.join(', ')}`, ...uses].join('; '));
  const gaps = [...s.subarray(GAP, GAP + GAPS)].filter((gap) => gap > 0);
  if (gaps.length > 0) lines.push(`gaps back from now: ${gaps.join(' ')}`);
  return lines.map((line) => `      ${line}`).join('\n');
}

export function describeWorld(world: number): string {
  const names = Object.entries(OPTIONS).flatMap(([name, bit]) =>
    (world & bit) === 0 ? [] : [name.replaceAll('_', ' ')],
  );
  return names.length === 0 ? 'one coupon, one scan' : names.join(', ');
}

/** The states along a way, the first one included. @throws Error if a step cannot be taken there */
export function replay(gateway: Gateway, violation: Violation): readonly Uint8Array[] {
  const model = new Model(gateway);
  const states = [initialState(violation.world)];
  for (const step of violation.steps) {
    let found: Uint8Array | null = null;
    const take = (next: Uint8Array, code: number) => {
      if (code === step) found ??= next.slice();
    };
    const from = states.at(-1) as Uint8Array;
    model.calmSteps(from, take);
    model.troubles(from, take);
    if (found === null) throw new Error(`the step "${describeStep(step)}" cannot be taken`);
    states.push(found);
  }
  return states;
}

export function tellStory(gateway: Gateway, violation: Violation): string {
  const states = replay(gateway, violation);
  const lines = [`${violation.what}`, `  world: ${describeWorld(violation.world)}`];
  for (const [index, step] of violation.steps.entries()) {
    lines.push(`  ${String(index + 1).padStart(2)}. ${describeStep(step)}`);
    lines.push(describeState(states[index + 1] as Uint8Array));
  }
  return lines.join('\n');
}

/** The counterexample as data: the world's options and, step by step, what happens to whom. */
export function planOf(violation: Violation) {
  return {
    what: violation.what,
    world: Object.entries(OPTIONS).flatMap(([name, bit]) => ((violation.world & bit) === 0 ? [] : [name])),
    steps: violation.steps.map((step) => ({ kind: kindOf(step), argument: step % ARGUMENTS })),
  };
}
