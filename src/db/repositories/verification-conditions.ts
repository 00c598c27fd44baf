// The states a change starts from, as SQL: derived from the table of transitions, guard by guard.
import { type RawBuilder, sql } from 'kysely';
import {
  type Guard,
  type GuardContext,
  REPEAT_WINDOW_MS,
  REVIEW_LASTS_MS,
  type TransitionName,
  TRANSITIONS,
} from '../../domain/verification.ts';

export interface ConditionContext extends Pick<GuardContext, 'seen' | 'policy'> {
  /** The database's time. */
  readonly now: RawBuilder<Date>;
}

type Condition = RawBuilder<unknown>;

const milliseconds = (ms: number): Condition => sql`${ms} * interval '1 millisecond'`;

const MAY_HAVE_REDEEMED = sql`s.verify_status = 'processing' and s.open_send_count > 0 and s.id <> v.id`;

/**
 * A plain code that lists one coupon may be that coupon's own, or its order's last. Only where the one in doubt was another
 * plain code that listed one coupon, and not this one, each is its coupon's own: had it stood for the order, this list
 * would hold that one's coupon or none.
 */
const IS_ANOTHER_COUPONS_OWN_CODE = sql`s.mode = 'code' and s.certificate_claim is not null and s.order_claim is null
  and s.request_value <> v.request_value`;

/** Whether another verification of the order, or of the coupon, is in doubt. `v` is the row itself. */
const HAS_SIBLING_IN_DOUBT = sql`case
  when v.certificate_claim is null then false
  else exists (select 1 from verifications s
               where s.certificate_id = v.certificate_id and s.certificate_id <> '' and ${MAY_HAVE_REDEEMED})
    or exists (select 1 from verifications s
               where s.encrypted_code = v.encrypted_code and s.encrypted_code <> '' and ${MAY_HAVE_REDEEMED})
    or exists (select 1 from verifications s
               where s.order_id = v.order_id and s.order_id <> '' and ${MAY_HAVE_REDEEMED}
                 and (v.order_claim is not null or not (${IS_ANOTHER_COUPONS_OWN_CODE})))
  end`;

/** Whether another verification was redeemed, or may yet be, under the row's token of Douyin's. */
const IS_TOKEN_SHARED = sql`exists (
  select 1 from verifications s
  where s.encrypted_code = v.encrypted_code and s.encrypted_code <> ''
    and s.douyin_verify_token = v.douyin_verify_token and s.id <> v.id
    and s.open_send_count > 0 and s.verify_status <> 'failed')`;

const IS_APP_ALLOWED = sql`exists (
  select 1 from apps a where a.id = v.app_id and a.status = 'active'
    and (cardinality(a.poi_ids) = 0 or v.poi_id = any(a.poi_ids)))`;

/** Each guard of src/domain/verification.ts; a test holds both to the same answers. */
const GUARD_CONDITIONS: Readonly<Record<Guard, (context: ConditionContext) => Condition>> = {
  nothing_sent: () => sql`v.open_send_count = 0`,
  something_sent: () => sql`v.open_send_count > 0`,
  sends_as_seen: ({ seen }) =>
    seen === null
      ? sql`false`
      : sql`v.send_count = ${seen.sendCount} and v.open_send_count = ${seen.openSendCount}`,
  not_in_review: () => sql`v.last_outcome_kind <> 'in_review'`,
  repeat_in_window: ({ now }) =>
    sql`(v.open_send_count = 0 or v.first_sent_at is null
      or ${now} - v.first_sent_at <= ${milliseconds(REPEAT_WINDOW_MS)})`,
  review_is_over: ({ now }) =>
    sql`(v.last_outcome_kind <> 'in_review'
      or coalesce(${now} - v.last_sent_at >= ${milliseconds(REVIEW_LASTS_MS)}, false))`,
  sends_not_stopped: () => sql`not v.are_sends_stopped`,
  first_send_in_time: ({ now, policy }) =>
    sql`(v.open_send_count > 0 or ${now} - v.round_started_at <= ${milliseconds(policy.firstSendWithinMs)})`,
  first_send_allowed: () => sql`(v.open_send_count > 0 or ${IS_APP_ALLOWED})`,
  no_sibling_in_doubt: () => sql`(v.open_send_count > 0 or not (${HAS_SIBLING_IN_DOUBT}))`,
  sends_have_arrived: ({ now, policy }) =>
    sql`(v.last_sent_at is null or ${now} - v.last_sent_at >= ${milliseconds(policy.sendArrivesWithinMs)})`,
  looked_up_since: ({ policy }) =>
    sql`(v.last_looked_up_at is not null and (v.last_sent_at is null or v.last_looked_up_at - v.last_sent_at >=
      case when v.last_outcome_kind = 'in_review' then ${milliseconds(REVIEW_LASTS_MS)}
        else ${milliseconds(policy.sendArrivesWithinMs)} end))`,
  token_is_own: () => sql`not ${IS_TOKEN_SHARED}`,
  is_too_late: ({ now, policy }) =>
    sql`${now} - v.round_started_at > ${milliseconds(policy.firstSendWithinMs)}`,
};

/** @returns the condition on the row `v` under which the change is legal */
export function conditionOf(transition: TransitionName, context: ConditionContext): Condition {
  const { from, guards } = TRANSITIONS[transition];
  return sql.join(
    [
      sql`v.step in (${sql.join(from.map((step) => sql.lit(step)))})`,
      ...guards.map((guard) => GUARD_CONDITIONS[guard](context)),
    ],
    sql` and `,
  );
}

/** What guards are told beside the row, as columns. */
export const GUARD_CONTEXT_COLUMNS = sql`${IS_APP_ALLOWED} as is_app_allowed,
  ${HAS_SIBLING_IN_DOUBT} as has_sibling_in_doubt, ${IS_TOKEN_SHARED} as is_token_shared`;
