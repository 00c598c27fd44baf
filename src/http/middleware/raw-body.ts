// Reads the body's exact bytes, for the signature covers them. Parsing comes after authentication, in guard.ts.
import { AppError } from '../../domain/errors.ts';
import type { HttpContext, HttpMiddleware } from '../request-state.ts';

export const MAX_BODY_BYTES = 64 * 1024;

/** The rest of a body that is refused is read and thrown away up to here; past it the connection is closed. */
const MAX_DISCARDED_BYTES = 1024 * 1024;

export function rawBody(): HttpMiddleware {
  return async (ctx, next) => {
    const declaredBytes = Number(ctx.get('Content-Length') || 0);
    if (declaredBytes > MAX_BODY_BYTES) throw tooLarge(ctx, declaredBytes);
    ctx.state.rawBody = await readBody(ctx);
    await next();
  };
}

async function readBody(ctx: HttpContext): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch (err) {
    // The caller hung up, or sent what is no body; most likely nobody reads the answer.
    throw new AppError('request.unreadable', { cause: err });
  }
  if (bytes > MAX_BODY_BYTES) throw tooLarge(ctx, Infinity);
  return Buffer.concat(chunks);
}

function tooLarge(ctx: HttpContext, bytes: number): AppError {
  if (bytes > MAX_DISCARDED_BYTES) ctx.set('Connection', 'close');
  return new AppError('request.too_large');
}
