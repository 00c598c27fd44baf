// Reads the body's exact bytes, for the open surface's signature covers them. Parsing comes after authentication, in
// guard.ts.
import { AppError } from '../../domain/errors.ts';
import type { HttpContext, HttpMiddleware } from '../request-state.ts';

export const MAX_BODY_BYTES = 64 * 1024;

/** The rest of a body that is refused is read and thrown away up to here; past it the connection is closed. */
const MAX_DISCARDED_BYTES = 1024 * 1024;

/**
 * Of bodies that are being read at the same time. A till's arrives in one piece; whoever sends slowly, before anybody
 * knows who it is, holds memory. So past this number the one that takes longest is cut off, never a new one refused.
 */
const MAX_BODIES = 512;

export function rawBody(maxBodies = MAX_BODIES): HttpMiddleware {
  const reading = new Set<HttpContext['req']>();
  return async (ctx, next) => {
    requireDeclaredLength(ctx);
    reading.add(ctx.req);
    if (reading.size > maxBodies) {
      const [longest] = reading;
      longest?.destroy();
    }
    try {
      ctx.state.rawBody = await readBody(ctx);
      ctx.state.bodyReadAtMs = performance.now();
    } finally {
      reading.delete(ctx.req);
    }
    await next();
  };
}

/** @throws AppError `request.too_large` for a body that says so itself */
export function requireDeclaredLength(ctx: HttpContext): void {
  const declaredBytes = Number(ctx.get('Content-Length') || 0);
  if (declaredBytes > MAX_BODY_BYTES) throw tooLarge(ctx, declaredBytes);
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

/** @param bytes as far as they are known */
export function tooLarge(ctx: Pick<HttpContext, 'set'>, bytes: number): AppError {
  if (bytes > MAX_DISCARDED_BYTES) ctx.set('Connection', 'close');
  return new AppError('request.too_large');
}
