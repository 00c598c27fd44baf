// The tills of the overload bench, as a process of their own: offers requests at a rate, whether earlier ones are answered
// or not, and reports how each ended. Started by overload.ts.
import { Pool } from 'undici';
import { signedHeaders, type Credentials } from '../test/support/http-gateway.ts';
import { atRate } from './shared.ts';

const TARGET = '/v1/open/coupons/verify';
const MAX_CONNECTIONS = 2000;

/** One stretch of load. Codes and tokens are used in order, one each. */
export interface Load {
  readonly url: string;
  readonly credentials: Credentials;
  readonly poiId: string;
  readonly ratePerSecond: number;
  readonly codes: readonly string[];
  /** Names the stretch's verify tokens. */
  readonly name: string;
}

export interface Reply {
  readonly token: string;
  /** `success`, `processing`, `failed`, or the error's status and code. */
  readonly outcome: string;
  readonly hasRetryAfter: boolean;
  readonly sentAtMs: number;
  readonly tookMs: number;
}

let pool: Pool | null = null;

async function offer(load: Load): Promise<readonly Reply[]> {
  pool ??= new Pool(load.url, { connections: MAX_CONNECTIONS });
  const startedAt = performance.now();
  return atRate(load.codes, load.ratePerSecond, (code, position) =>
    send(pool as Pool, load, code, `${load.name}-${position}`, startedAt),
  );
}

async function send(pool: Pool, load: Load, code: string, token: string, startedAt: number): Promise<Reply> {
  const body = JSON.stringify({ poi_id: load.poiId, code, verify_token: token });
  const headers = {
    'Content-Type': 'application/json',
    ...signedHeaders(load.credentials, { method: 'POST', target: TARGET, body }),
  };
  const sentAt = performance.now();
  const told = (outcome: string, hasRetryAfter: boolean): Reply => ({
    token,
    outcome,
    hasRetryAfter,
    sentAtMs: sentAt - startedAt,
    tookMs: performance.now() - sentAt,
  });
  try {
    const answer = await pool.request({ method: 'POST', path: TARGET, headers, body });
    const { data, error } = (await answer.body.json()) as {
      data?: { verify_status: string };
      error?: { code: string };
    };
    return told(
      data?.verify_status ?? `${answer.statusCode} ${error?.code ?? ''}`,
      answer.headers['retry-after'] !== undefined,
    );
  } catch (err) {
    return told(`no answer: ${String((err as { code?: unknown }).code ?? err)}`, false);
  }
}

process.on('message', (load: Load) => {
  void offer(load).then((replies) => process.send?.(replies));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
