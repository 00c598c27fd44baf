// Gives every request its id, its time and its language, and every answer what all of them carry, before anything can fail.
import { randomUUID } from 'node:crypto';
import type { HttpMiddleware } from '../request-state.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes the caller's X-Request-Id if it is well formed, else makes one; it is on every response. */
export function requestId(): HttpMiddleware {
  return async (ctx, next) => {
    ctx.state.receivedAtMs = performance.now();
    const given = ctx.get('X-Request-Id');
    ctx.state.requestId = REQUEST_ID.test(given) ? given : randomUUID();
    ctx.state.language = ctx.acceptsLanguages('zh', 'en') === 'en' ? 'en' : 'zh';
    ctx.set('X-Request-Id', ctx.state.requestId);
    // Answers hold tokens, secrets and coupon codes.
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
