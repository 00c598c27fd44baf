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
    redact: { paths: REDACTED_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]), censor: '***' },
  };
  return options.format === 'pretty' ? pino(settings, pretty()) : pino(settings);
}
