// Reads and parses the bodies of the internal surface, by @koa/bodyparser. The open surface has a reader of its own,
// raw-body.ts, for its signature covers the exact bytes.
import { bodyParser } from '@koa/bodyparser';
import type Koa from 'koa';
import { AppError } from '../../domain/errors.ts';
import { isJsonContent } from '../json-content-type.ts';
import type { HttpMiddleware } from '../request-state.ts';
import { MAX_BODY_BYTES, requireDeclaredLength, tooLarge } from './raw-body.ts';

/** What the parser's decoder writes, without a word, for bytes that are not UTF-8. Nobody means this character. */
const REPLACEMENT_CHARACTER = '\ufffd';

/** The parsed body is in `ctx.request.body`; `undefined` if there is none. */
export function jsonBody(): HttpMiddleware {
  const parse = bodyParser({
    parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    enableTypes: ['json'],
    // What kind of JSON it must be is the route's schema to say.
    jsonStrict: false,
    jsonLimit: String(MAX_BODY_BYTES),
    // The media type is checked below, once and for both surfaces alike.
    detectJSON: () => true,
    onError: (err, ctx) => {
      throw toAppError(err, ctx);
    },
  });
  return async (ctx, next) => {
    requireDeclaredLength(ctx);
    const isInPieces = ctx.get('Transfer-Encoding') !== '';
    if (isInPieces || Number(ctx.get('Content-Length') || 0) > 0) {
      const isJson = isJsonContent(ctx);
      // Pieces may hold nothing at all, and then need no type. All else is refused unread, so nothing is ever inflated
      // and no foreign type reaches the parser.
      const mayBeEmpty = isInPieces && ctx.get('Content-Type') === '' && ctx.get('Content-Encoding') === '';
      if (!isJson && !mayBeEmpty) throw new AppError('request.unsupported_media_type');
      // It is `identity`, if anything; the parser knows the lower case alone.
      delete ctx.req.headers['content-encoding'];
      await parse(ctx, () => Promise.resolve());
      const rawBody = ctx.request.rawBody as string | undefined;
      // The parser gives up without a word when the caller has hung up.
      if (rawBody === undefined) throw new AppError('request.unreadable');
      if (rawBody === '') ctx.request.body = undefined;
      else if (!isJson) throw new AppError('request.unsupported_media_type');
      else if (rawBody.includes(REPLACEMENT_CHARACTER)) throw new AppError('request.malformed_json');
    }
    await next();
  };
}

function toAppError(err: unknown, ctx: Koa.Context): AppError {
  const { type, status } = err as { readonly type?: unknown; readonly status?: unknown };
  if (type === 'entity.too.large') return tooLarge(ctx, Infinity);
  // The reader's errors have a type: the caller hung up, or sent another length than it said.
  if (typeof type === 'string' || status !== 400) return new AppError('request.unreadable', { cause: err });
  // The parser's own message quotes the body, so it is no cause to log.
  return new AppError('request.malformed_json');
}
