// Bugs planted in statements and in what a failed one means.
import { type Mutant, mutantOf } from '../mutant.ts';

const APPS = 'src/db/repositories/app.repository.ts';
const APP_TESTS = ['test/db/app-repository.test.ts'];
const REPORTS = 'src/db/repositories/report.repository.ts';
const REPORT_TESTS = ['test/http/internal/report-verifications.test.ts'];
const SUMMARY_TESTS = ['test/http/internal/summarize-verifications.test.ts'];
const TOKENS = 'src/db/database-token-store.ts';
const TOKEN_TESTS = ['test/db/database-token-store.test.ts'];
const PAUSES = 'src/db/database-pause-store.ts';
const PAUSE_TESTS = ['test/db/database-pause-store.test.ts'];
const NONCES = 'src/db/repositories/nonce.repository.ts';
const NONCE_TESTS = ['test/db/nonces.test.ts'];
const BOX = 'src/secret-box.ts';

export const DATABASE_BUGS: readonly Mutant[] = [
  mutantOf(
    APP_TESTS,
    'the last use of one app is written to all',
    APPS,
    'update apps set last_used_at = ${now} where id = ${id}\n',
    'update apps set last_used_at = ${now} where id <> -1 * ${id}\n',
  ),
  mutantOf(
    APP_TESTS,
    'an app’s last use is written at every request',
    APPS,
    'last_used_at < ${now}::timestamptz - ${LAST_USED_RESOLUTION}',
    'last_used_at <> ${now}::timestamptz + ${LAST_USED_RESOLUTION}',
  ),
  mutantOf(
    APP_TESTS,
    'a secret is ended by another app',
    APPS,
    'where id = ${secretId} and app_id = ${appId} and ended_at is null',
    'where id = ${secretId} and app_id <> -1 * ${appId} and ended_at is null',
  ),
  mutantOf(
    ['test/http/internal/app-secrets.test.ts'],
    'an ended secret still signs',
    APPS,
    'where app_id = apps.id and ended_at is null order by id desc',
    'where app_id = apps.id order by id desc',
  ),

  // Reports.
  mutantOf(
    REPORT_TESTS,
    'a report begins after its first moment',
    REPORTS,
    'sql`v.created_at >= ${filter.from}`',
    'sql`v.created_at > ${filter.from}`',
  ),
  mutantOf(
    REPORT_TESTS,
    'a report includes the first moment after it',
    REPORTS,
    'sql`v.created_at < ${filter.to}`',
    'sql`v.created_at <= ${filter.to}`',
  ),
  mutantOf(
    REPORT_TESTS,
    'a walk by cursor skips rows of the same moment',
    REPORTS,
    '(v.created_at, v.id) < (${after.createdAt}::timestamptz, ${after.id}::bigint)',
    'v.created_at < ${after.createdAt}::timestamptz and ${after.id}::bigint > 0',
  ),
  mutantOf(
    REPORT_TESTS,
    'a report’s rows of one moment come in any order',
    REPORTS,
    'order by created_at desc, id desc limit',
    'order by created_at desc, id limit',
  ),
  mutantOf(
    SUMMARY_TESTS,
    'a day is a day in UTC',
    REPORTS,
    "to_char(v.created_at at time zone ${timeZone}, 'YYYY-MM-DD')",
    "to_char(v.created_at at time zone left(${timeZone}, 0) || 'UTC', 'YYYY-MM-DD')",
  ),

  mutantOf(
    SUMMARY_TESTS,
    'a summary’s receipts are what was paid',
    REPORTS,
    'coalesce(sum(v.receipt_amount) filter',
    'coalesce(sum(v.pay_amount) filter',
  ),
  mutantOf(
    SUMMARY_TESTS,
    'a summary’s discounts are those of every status',
    REPORTS,
    'sum(v.discount_amount) filter (where ${IS_REDEEMED})',
    'sum(v.discount_amount)',
  ),

  // Nonces.
  mutantOf(
    NONCE_TESTS,
    'the sweep deletes nonces an hour early',
    NONCES,
    "${this.#now()} - interval '1 minute'",
    "${this.#now()} + interval '1 hour'",
  ),
  mutantOf(
    NONCE_TESTS,
    'a nonce is free again before its window ends',
    NONCES,
    'where held.expires_at < ${now}\n',
    "where held.expires_at < ${now} + interval '1 hour'\n",
  ),
  mutantOf(
    NONCE_TESTS,
    'a nonce is claimed after its own window',
    NONCES,
    'where ${expiresAt}::timestamptz >= ${now}',
    'where ${expiresAt}::timestamptz is not null',
  ),

  // Leases, pauses, sealing.
  mutantOf(
    TOKEN_TESTS,
    'a lease is taken from its owner',
    TOKENS,
    'and (held.lease_until is null or held.lease_until < now())',
    '',
  ),
  mutantOf(
    TOKEN_TESTS,
    'a token is stored without its lease',
    TOKENS,
    'where client_key = ${clientKey} and lease_owner = ${owner} and generation',
    "where client_key = ${clientKey} and lease_owner is distinct from left(${owner}, 0) || 'x' and generation",
  ),
  mutantOf(
    TOKEN_TESTS,
    'an older token replaces a newer one',
    TOKENS,
    'and generation < ${generation} returning 1',
    'and generation <> -1 * ${generation} returning 1',
  ),
  mutantOf(
    PAUSE_TESTS,
    'a pause is as long however long Douyin refuses',
    PAUSES,
    'least(held.length_ms * 2, ${longestMs}::integer)',
    'least(held.length_ms, ${longestMs}::integer)',
  ),
  mutantOf(
    PAUSE_TESTS,
    'a pause grows by the refusals of its own moment',
    PAUSES,
    'when held.paused_until > clock_timestamp() then held.length_ms\n',
    'when held.paused_until > clock_timestamp() then held.length_ms * 2\n',
  ),
  mutantOf(
    ['test/services/secret-box.test.ts'],
    'a sealed value opens for another purpose',
    BOX,
    `      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(purpose))`,
    `      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(purpose.slice(0, 0)))`,
  ),
];
