// One campaign against a running gateway: so many requests over all operations, several at a time, judged one by one.
import fc from 'fast-check';
import { ROUTES } from '../../src/http/routes/index.ts';
import type { Materials } from './materials.ts';
import type { Oracle } from './oracle.ts';
import { type Plan, planOf } from './requests.ts';
import { exchangeBytes, type WireEnd, type WireRequest } from './wire.ts';

const AT_ONCE = 12;
/** A request that redeems a coupon costs a workflow; a look costs a query. */
const WEIGHTS: Readonly<Record<string, number>> = { verifyCoupon: 3, prepareCoupon: 2, reportVerifications: 2, docsAsset: 0.3, docs: 0.3, openApi: 0.2, livez: 0.3, readyz: 0.3, health: 0.3 }; // prettier-ignore
/** So many answers in a row that should have been let in: the apps that sign have been hurt. */
const RENEW_AFTER = 3;

export interface CampaignOptions {
  readonly url: string;
  readonly seed: number;
  readonly requests: number;
  readonly materials: Materials;
  readonly oracle: Oracle;
  /** Ends it early, and says so in the result. */
  readonly signal: AbortSignal;
}

export interface Finding {
  readonly problem: string;
  readonly operationId: string;
  /** Of the first one; the campaign's seed and this number give the plan again. */
  readonly number: number;
  readonly bends: readonly string[];
  readonly request: WireRequest;
  readonly answer: string;
  count: number;
}

export interface CampaignResult {
  readonly sent: number;
  /** operation → status (or how the connection ended) → how often */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly findings: readonly Finding[];
  readonly slowestMs: number;
}

/** A finding on one line, and the request as it was sent. */
export function describeFinding(finding: Finding): string {
  const { method, target, headers, body, framing } = finding.request;
  const lines = [
    `${finding.count} × ${finding.operationId}: ${finding.problem}`,
    `  request ${finding.number}${finding.bends.length > 0 ? `, bent: ${finding.bends.join(', ')}` : ''}`,
    `  ${method} ${target.slice(0, 300)} (${framing})`,
    ...headers.map(([name, value]) => `  ${name}: ${value.slice(0, 100)}`),
    `  body ${JSON.stringify(body.toString('latin1').slice(0, 300))}`,
    `  answer ${finding.answer}`,
  ];
  return lines.join('\n');
}

/** The plans of a seed, the same each time. */
export function makePlans(seed: number, requests: number): readonly Plan[] {
  const shares = ROUTES.map((route) => ({ route, weight: WEIGHTS[route.operationId] ?? 1 }));
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  const perRoute = shares.map(({ route, weight }, position) =>
    fc.sample(planOf(route), { seed: seed + position, numRuns: Math.ceil((requests * weight) / total) }),
  );
  // Round robin by share, so that each kind of request meets the state all others have made.
  return perRoute
    .flatMap((plans) => plans.map((plan, position) => ({ plan, place: (position + 0.5) / plans.length })))
    .toSorted((a, b) => a.place - b.place)
    .map(({ plan }) => plan);
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { url, materials, oracle, signal } = options;
  const plans = makePlans(options.seed, options.requests);
  const counts = new Map<string, Map<string, number>>();
  const findings = new Map<string, Finding>();
  let [next, sent, slowestMs, refusedInARow] = [0, 0, 0, 0];
  let renewal: Promise<void> | null = null;

  const sendOne = async (number: number, plan: Plan): Promise<void> => {
    const made = materials.make(plan);
    const end = await exchangeBytes(url, made.wire);
    sent += 1;
    slowestMs = Math.max(slowestMs, end.ms);
    const outcome = end.kind === 'answered' ? String(end.answer.status) : end.kind;
    const ofOperation = counts.get(plan.operationId) ?? new Map<string, number>();
    counts.set(plan.operationId, ofOperation.set(outcome, (ofOperation.get(outcome) ?? 0) + 1));
    if (end.kind === 'answered')
      materials.learn(plan, made, end.answer.status, end.answer.body.toString('utf8'));
    const isRefused = isRefusedDriver(plan, end);
    refusedInARow = isRefused
      ? refusedInARow + 1
      : plan.bends.length === 0 && plan.path.startsWith('/v1/open/')
        ? 0
        : refusedInARow;
    if (refusedInARow >= RENEW_AFTER) {
      refusedInARow = 0;
      renewal ??= materials.renewDrivers().finally(() => (renewal = null));
      await renewal;
    }
    for (const problem of oracle.judge(plan, made, end)) {
      const key = `${plan.operationId}: ${problem}`;
      const known = findings.get(key);
      if (known) known.count += 1;
      else
        findings.set(key, {
          problem,
          operationId: plan.operationId,
          number,
          bends: plan.bends,
          request: made.wire,
          answer:
            end.kind === 'answered'
              ? `${end.answer.status} ${end.answer.body.toString('utf8').slice(0, 600)}`
              : end.kind,
          count: 1,
        });
    }
  };
  const worker = async () => {
    while (next < plans.length && !signal.aborted) {
      const number = next;
      next += 1;
      await sendOne(number, plans[number] as Plan);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { sent, counts, findings: [...findings.values()], slowestMs };
}

/** The fuzzing also changes and disables apps, those it signs with among them. */
function isRefusedDriver(plan: Plan, end: WireEnd): boolean {
  if (
    plan.auth !== 'right' ||
    plan.bends.length > 0 ||
    !plan.path.startsWith('/v1/open/') ||
    end.kind !== 'answered'
  )
    return false;
  return [401, 403, 429].includes(end.answer.status);
}
