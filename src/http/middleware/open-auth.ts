// Authentication of the open surface: the four headers, the signature, the app's rate, the nonce, and whether the app is
// active.
import { AppError } from '../../domain/errors.ts';
import type { AppAuthenticator, SignedRequest } from '../../services/authenticate-app.ts';
import type { AppRateLimiter, RateState } from '../../services/rate-limits.ts';
import type { AppUseRecorder } from '../../services/record-app-use.ts';
import type { Admission } from './admission.ts';
import type { HttpContext, HttpMiddleware } from '../request-state.ts';

const NO_BODY = Buffer.alloc(0);
const HEADERS = ['X-Client-Key', 'X-Timestamp', 'X-Nonce', 'X-Signature'] as const;

/**
 * A nonce is spent by every correctly signed request: here, or by the handler together with its row if the route takes
 * the nonce and its request gets that far.
 */
export function openAuth(
  parts: {
    readonly authenticator: AppAuthenticator;
    readonly recorder: AppUseRecorder;
    readonly rateLimiter: AppRateLimiter;
    readonly admission: Admission;
  },
  options: { readonly takesNonce: boolean },
): HttpMiddleware {
  const { authenticator, recorder, rateLimiter, admission } = parts;
  return async (ctx, next) => {
    const signed = readSignedRequest(ctx);
    const { app, nonce } = await admission.run(() => authenticator.authenticate(signed));
    const rate = rateLimiter.take(app.id);
    tellRate(ctx, rate);
    let isNonceTaken = false;
    const spendNonce = async (): Promise<void> => {
      isNonceTaken = true;
      const spend = () => authenticator.spendNonce(nonce);
      // Whoever is past the rate must not take the tills' connections for it.
      await (rate.isAllowed ? spend() : admission.run(spend));
    };
    ctx.state.open = {
      app,
      takeNonce: () => {
        isNonceTaken = true;
        return nonce;
      },
    };
    recorder.record(app.id);
    try {
      if (!options.takesNonce) await spendNonce();
      if (!rate.isAllowed) {
        throw new AppError('rate.limited', { data: { retry_after_seconds: rate.resetSeconds } });
      }
      if (app.status === 'disabled') throw new AppError('app.disabled');
      await next();
    } catch (err) {
      // A request sent again by whoever saw it must not use up the rate of the app that signed it.
      if (isReplay(err)) rate.giveBack();
      if (isNonceTaken) throw err;
      await spendNonce().catch((reason: unknown) => {
        if (isReplay(reason)) rate.giveBack();
        throw reason;
      });
      throw err;
    }
  };
}

function isReplay(err: unknown): boolean {
  return err instanceof AppError && err.code === 'auth.nonce_reused';
}

function tellRate(ctx: HttpContext, rate: RateState): void {
  ctx.set({
    'RateLimit-Limit': String(rate.limit),
    'RateLimit-Remaining': String(rate.remaining),
    'RateLimit-Reset': String(rate.resetSeconds),
  });
}

function readSignedRequest(ctx: HttpContext): SignedRequest {
  const values = HEADERS.map((header) => ctx.req.headersDistinct[header.toLowerCase()] ?? []);
  const wrong = HEADERS.filter((_, position) => values[position]?.length !== 1 || values[position][0] === '');
  if (wrong.length > 0) throw new AppError('auth.missing_header', { data: { headers: wrong } });
  const [clientKey, timestamp, nonce, signature] = values.map((list) => list[0] ?? '');
  return {
    clientKey: clientKey ?? '',
    timestamp: timestamp ?? '',
    nonce: nonce ?? '',
    signature: signature ?? '',
    method: ctx.method,
    requestTarget: ctx.req.url ?? '',
    body: ctx.state.rawBody ?? NO_BODY,
  };
}
