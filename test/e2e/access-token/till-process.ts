// A gateway process cut down to what calls Douyin: the composition root's core, told by its parent when to prepare and
// when to verify, all coupons at once. It writes its log to stdout.
import { loadConfig } from '../../../src/config.ts';
import { openCore } from '../../../src/deps.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import type { VerifyInput } from '../../../src/ports/douyin.ts';
import { SIMULATOR_DEFAULTS } from '../../../src/simulator/defaults.ts';

const POI_ID = SIMULATOR_DEFAULTS.stores[0].poiId;

export type Order = { readonly prepare: readonly string[] } | 'verify';
/** How many calls ended in which way. */
export type Outcomes = Readonly<Record<string, number>>;

const config = loadConfig(process.env);
const core = await openCore(config, createLogger({ ...config.log, process: 'till' }));
let prepared: readonly VerifyInput[] = [];

async function prepareAll(codes: readonly string[]): Promise<Outcomes> {
  const outcomes = await Promise.all(codes.map((code) => core.douyin.prepare({ code }, POI_ID)));
  prepared = outcomes.flatMap((outcome) => {
    const [certificate] = outcome.kind === 'prepared' ? outcome.order.certificates : [];
    if (outcome.kind !== 'prepared' || !certificate) return [];
    return {
      douyinVerifyToken: outcome.order.verifyToken,
      poiId: POI_ID,
      encryptedCode: certificate.encryptedCode,
      attempt: 'first' as const,
      isCallerSupplied: false,
    };
  });
  return count(outcomes.map((outcome) => outcome.kind));
}

async function verifyAll(): Promise<Outcomes> {
  return count(
    (await Promise.all(prepared.map((input) => core.douyin.verify(input)))).map((outcome) => outcome.kind),
  );
}

function count(kinds: readonly string[]): Outcomes {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

process.on('message', (order: Order) => {
  void (order === 'verify' ? verifyAll() : prepareAll(order.prepare)).then(
    (outcomes) => process.send?.({ outcomes }),
    (err: unknown) => process.send?.({ outcomes: { [String(err)]: 1 } }),
  );
});
process.on('disconnect', () => void core.close().then(() => process.exit(0)));
process.send?.({ outcomes: {} });
