// Bugs planted in the use cases: who is let in, what is audited, what a report holds.
import { type Mutant, mutantOf } from '../mutant.ts';

const AUTHENTICATE = 'src/services/authenticate-app.ts';
const SIGNATURE = 'src/services/request-signature.ts';
const SIGNATURE_TESTS = ['test/services/request-signature.test.ts'];
const AUTH_TESTS = ['test/http/open/authentication.test.ts'];
const READ_TOKEN = 'src/services/read-access-token.ts';
const READ_TOKEN_TESTS = [
  'test/services/read-access-token.test.ts',
  'test/http/open/read-access-token.test.ts',
];
const SECRETS = 'src/services/manage-app-secrets.ts';
const AUDIT_TESTS = ['test/http/internal/audited-changes.test.ts'];
const RATES = 'src/services/rate-limits.ts';
const RATE_TESTS = ['test/http/open/rate-limits.test.ts'];
const HEALTH = 'src/services/check-health.ts';
const HEALTH_TESTS = ['test/http/health.test.ts'];
const REPORTS = 'src/services/report-verifications.ts';
const REPORT_TESTS = ['test/http/internal/report-verifications.test.ts'];

export const SERVICE_BUGS: readonly Mutant[] = [
  // Who signed.
  mutantOf(
    SIGNATURE_TESTS,
    'the query is not signed',
    SIGNATURE,
    'parts.requestTarget,',
    "parts.requestTarget.split('?')[0] ?? '',",
  ),
  mutantOf(
    SIGNATURE_TESTS,
    'the body is not signed',
    SIGNATURE,
    '.update(parts.body)',
    '.update(parts.body.subarray(0, 0))',
  ),
  mutantOf(
    SIGNATURE_TESTS,
    'milliseconds are read as seconds',
    SIGNATURE,
    'if (MILLISECONDS.test(text)) return new Date(Number(text));',
    'if (MILLISECONDS.test(text)) return new Date(Number(text) * 1000);',
  ),
  mutantOf(
    AUTH_TESTS,
    'a request may be as old as it likes',
    AUTHENTICATE,
    'Math.abs(skewMs) <= SIGNATURE_WINDOW_MS',
    'skewMs <= SIGNATURE_WINDOW_MS',
  ),
  mutantOf(
    ['test/http/internal/app-secrets.test.ts'],
    'only the newest secret of an app is tried',
    AUTHENTICATE,
    'position < MAX_LIVE_SECRETS; position += 1',
    'position < MAX_LIVE_SECRETS; position += MAX_LIVE_SECRETS',
  ),
  mutantOf(
    AUTH_TESTS,
    'a used nonce is let through',
    AUTHENTICATE,
    "if (!isFresh) throw new AppError('auth.nonce_reused');",
    "if (!isFresh && nonce.nonce === '') throw new AppError('auth.nonce_reused');",
  ),

  mutantOf(
    AUTH_TESTS,
    'a nonce is free again a minute after its timestamp',
    AUTHENTICATE,
    'timestamp.getTime() + SIGNATURE_WINDOW_MS + NONCE_GRACE_MS',
    'timestamp.getTime() + NONCE_GRACE_MS',
  ),

  // Who calls too often, and who guesses.
  mutantOf(
    RATE_TESTS,
    'an app’s requests are not counted',
    RATES,
    'const giveBack = isAllowed ? this.#counter.add(key, nowMs) : () => undefined;',
    'const giveBack = () => undefined;',
  ),
  mutantOf(
    RATE_TESTS,
    'one app’s guesses stop every app at the store',
    RATES,
    'const key = `${trial.appId}/${trial.poiId}`;',
    'const key = trial.poiId;',
  ),
  mutantOf(
    RATE_TESTS,
    'guesses at one store stop the app everywhere',
    RATES,
    'const key = `${trial.appId}/${trial.poiId}`;',
    'const key = String(trial.appId);',
  ),
  mutantOf(
    RATE_TESTS,
    'guesses by prepare are not counted',
    'src/http/routes/open/prepare-coupon.ts',
    '({ errorCode }) => isUnknownCoupon(errorCode),',
    '({ errorCode }) => isUnknownCoupon(errorCode) && errorCode < 0,',
  ),
  mutantOf(
    RATE_TESTS,
    'a guesser is stopped for ever',
    RATES,
    'nowMs - known.startedAtMs >= UNKNOWN_CODES.windowMs',
    'nowMs - known.startedAtMs >= Infinity',
  ),

  // Whether it is well.
  mutantOf(
    HEALTH_TESTS,
    'the first answer about health is told for ever',
    HEALTH,
    'nowMs - this.#latest.atMs >= KEPT_MS',
    'nowMs < this.#latest.atMs',
  ),
  mutantOf(
    HEALTH_TESTS,
    'a gateway without its database is well while Temporal answers',
    HEALTH,
    "database === 'down' || temporal === 'down'",
    "database === 'down' && temporal === 'down'",
  ),

  // What is audited.
  mutantOf(
    READ_TOKEN_TESTS,
    'the access token is told without waiting for its audit entry',
    READ_TOKEN,
    'await deps.db.run(({ auditLog }) =>',
    'void deps.db.run(({ auditLog }) =>',
  ),
  mutantOf(
    READ_TOKEN_TESTS,
    'every app may read the access token',
    READ_TOKEN,
    'if (!app.allowTokenRead) throw',
    'if (app.id < 0) throw',
  ),
  mutantOf(
    READ_TOKEN_TESTS,
    'an access token is told that ends at once',
    READ_TOKEN,
    'if (lifeMs < MIN_LIFE_MS)',
    'if (lifeMs < 0)',
  ),
  mutantOf(
    AUDIT_TESTS,
    'the end of a secret is audited as the making of one',
    SECRETS,
    "action: 'app.secret.end',",
    "action: 'app.secret.add',",
  ),
  mutantOf(
    AUDIT_TESTS,
    'a secret is made outside the transaction of its audit entry',
    SECRETS,
    'const id = await apps.insertSecret(appId, sealSecret(deps.secretBox, app.clientKey, secret));',
    'const id = await deps.db.run((own) =>\n      own.apps.insertSecret(appId, sealSecret(deps.secretBox, app.clientKey, secret)),\n    );',
  ),
  mutantOf(
    AUDIT_TESTS,
    'an app’s change is audited with its state afterwards on both sides',
    'src/services/update-verifier-app.ts',
    'before: describeApp(before),',
    'before: describeApp(after),',
  ),
  mutantOf(
    AUDIT_TESTS,
    'a new app is audited without what it may do',
    'src/services/create-verifier-app.ts',
    'after: { ...describeApp(created), secret_id: secretId },',
    'after: { secret_id: secretId },',
  ),
  mutantOf(
    AUDIT_TESTS,
    'an enrichment is tried again before that is audited',
    'src/services/enrichments.ts',
    "if (found.verifyStatus !== 'success' || !isOpen) throw new AppError('enrichment.not_open');",
    "if (found.verifyStatus !== 'success' || !isOpen) throw new AppError('enrichment.not_open');\n    await deps.enrichmentRunner.retryNow({ verificationId, poiId: found.poiId, appCode: found.appCode });",
  ),
  mutantOf(
    ['test/http/internal/app-secrets.test.ts'],
    'the last secret of an app can be ended',
    SECRETS,
    'if ((await apps.countLiveSecrets(appId)) === 0) throw',
    'if ((await apps.countLiveSecrets(appId)) < 0) throw',
  ),
  mutantOf(
    ['test/http/internal/app-secrets.test.ts'],
    'an app may have any number of secrets',
    SECRETS,
    '>= MAX_LIVE_SECRETS) throw',
    '>= 1000) throw',
  ),

  mutantOf(
    ['test/http/open/advice-of-earlier-use.test.ts'],
    'the advice names no redemption of ours',
    'src/services/advise-cashier.ts',
    'if (ids.length === 0) return new Map();',
    'if (ids.length >= 0) return new Map();',
  ),
  mutantOf(
    ['test/http/open/advice-of-earlier-use.test.ts'],
    'the advice names the record that was made next',
    'src/services/advise-cashier.ts',
    'related.get(verification.relatedVerificationId ?? 0)',
    'related.get(verification.relatedVerificationId ?? verification.id + 1)',
    {
      file: 'src/services/advise-cashier.ts',
      from: '.map(({ relatedVerificationId }) => relatedVerificationId)',
      to: '.map(({ id, relatedVerificationId }) => relatedVerificationId ?? id + 1)',
    },
  ),

  // What is listed.
  mutantOf(
    ['test/http/internal/enrichments.test.ts'],
    'the second page of enrichments is the first',
    'src/services/enrichments.ts',
    'offset: (page - 1) * pageSize',
    'offset: 0 * page',
  ),
  mutantOf(
    ['test/http/internal/list-audit-log.test.ts'],
    'the second page of the audit log is the first',
    'src/services/list-audit-log.ts',
    'offset: (page - 1) * pageSize',
    'offset: 0 * page',
  ),
  mutantOf(
    REPORT_TESTS,
    'the second page of a report is the first',
    REPORTS,
    '{ offset: (page - 1) * pageSize }',
    '{ offset: 0 * page }',
  ),
  mutantOf(
    REPORT_TESTS,
    'a walk by cursor ends after its first step',
    REPORTS,
    'next: found.length > pageSize && last ? cursorOf(last) : null,',
    'next: found.length > pageSize && last && page < 0 ? cursorOf(last) : null,',
  ),
  mutantOf(
    REPORT_TESTS,
    'a file ends after its first batch',
    REPORTS,
    'if (!last || batch.length < EXPORT_BATCH_ROWS) return;',
    'if (!last || batch.length < EXPORT_BATCH_ROWS || batch === first) return;',
  ),
  mutantOf(
    ['test/http/open/query-stores.test.ts'],
    'a fenced app sees every store',
    'src/services/query-stores.ts',
    'else if (app.poiIds.length > 0)',
    'else if (app.poiIds.length > 1000)',
  ),
];
