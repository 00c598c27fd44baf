// Reads the body's exact bytes, for the signature covers them. Parsing comes after authentication, in guard.ts.
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';

export const MAX_BODY_BYTES = 64 * 1024;

/** The rest of a body that is refused is read and thrown away up to here; past it the connection is closed. */
const MAX_DISCARDED_BYTES = 1024 * 1024;

export function rawBody(): HttpMiddleware {
  return async (ctx, next) => {
    const declaredBytes = Number(ctx.get('Content-Length') || 0);
    if (declaredBytes > MAX_BODY_BYTES) throw tooLarge(ctx, declaredBytes);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw tooLarge(ctx, Infinity);
      chunks.push(chunk);
    }
    ctx.state.rawBody = Buffer.concat(chunks);
    await next();
  };
}

function tooLarge(ctx: Parameters<HttpMiddleware>[0], bytes: number): AppError {
  if (bytes > MAX_DISCARDED_BYTES) ctx.set('Connection', 'close');
  return new AppError('request.too_large');
}
