// The logger: JSON lines, or readable ones on a terminal. Where to log what belongs to the callers;
// coupon codes, links, tokens, secrets, signatures and phone numbers are never given to it.
import { pino, type Logger, type LoggerOptions } from 'pino';
import { pretty } from './pretty-log.ts';

export type { Logger } from 'pino';

/** Field names that hold secrets or personal data; their values are replaced wherever they appear. */
export const REDACTED_FIELDS = [
  'secret', 'token', 'access_token', 'accessToken', 'verify_token', 'verifyToken', 'douyinVerifyToken', 'code', 'codes',
  'encrypted_code', 'encryptedCode', 'encrypted_codes', 'encryptedData', 'encrypted_data', 'short_link', 'shortLink',
  'requestValue', 'request_value', 'originCode', 'origin_code', 'phone', 'signature', 'client_secret', 'clientSecret',
  'authorization', 'object_id',
] as const; // prettier-ignore

const MAX_CAUSES = 5;

/**
 * An error as the log keeps it. A database error's detail quotes the row it failed on, and its message may quote the
 * statement: of those only the code and the constraint stay.
 */
export function describeError(err: unknown, depth = 0): Record<string, unknown> {
  if (typeof err !== 'object' || err === null) return { message: typeof err };
  const { name, message, code, constraint, stack, cause } = err as Record<string, unknown>;
  const isFromDatabase = 'severity' in err || constraint !== undefined || String(name).endsWith('Exception');
  return {
    type: name,
    ...(code === undefined ? {} : { code }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(isFromDatabase ? {} : { message, stack }),
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: describeError(cause, depth + 1) }),
  };
}

/**
 * @param options.level pino's level names
 * @param options.format `json` for machines, `pretty` for people
 */
export function createLogger(options: { level: string; format: 'json' | 'pretty'; process: string }): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: { process: options.process, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: REDACTED_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]), censor: '***' },
  };
  return options.format === 'pretty' ? pino(settings, pretty()) : pino(settings);
}
