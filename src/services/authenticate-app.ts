// Says which app signed a request, and spends its nonce. What an app may do is asked by the use cases.
// The app is read on every request, so a changed right or an ended secret holds at once. With it comes the database's
// time, by which alone the window is judged: processes on hosts whose clocks differ accept the same requests.
import { AppError } from '../domain/errors.ts';
import type { VerifierApp } from '../domain/verifier-app.ts';
import type { NonceClaim } from '../db/repositories/nonce.repository.ts';
import { CALLER_PATIENCE_MS, type Database } from '../db/unit-of-work.ts';
import type { Logger } from '../observability/logger.ts';
import type { SecretBox } from '../ports/secret-box.ts';
import { generateSecret, MAX_LIVE_SECRETS, openSecret, sealSecret } from './app-secret.ts';
import {
  isNonce,
  isSameSignature,
  readTimestamp,
  SIGNATURE_WINDOW_MS,
  signatureOf,
  type SignedParts,
  stringToSign,
} from './request-signature.ts';

/** A nonce is kept past the window: between the look at the time and the claim of the nonce some of it passes. */
const NONCE_GRACE_MS = 60_000;

export interface AuthenticateAppDeps {
  readonly db: Database;
  readonly secretBox: SecretBox;
  readonly logger: Logger;
  /** In development a failed signature is answered with the text the server signed. */
  readonly environment: 'production' | 'development' | 'test';
}

export interface SignedRequest extends SignedParts {
  readonly signature: string;
}

export interface AuthenticatedApp {
  readonly app: VerifierApp;
  /** Not spent yet: by `spendNonce`, or together with a verification's row. */
  readonly nonce: NonceClaim;
}

/**
 * An unknown client key costs the same work and gets the same answer as a wrong signature: always as many secrets
 * are opened and tried as an app can have.
 */
export class AppAuthenticator {
  readonly #deps: AuthenticateAppDeps;
  readonly #decoy: { readonly clientKey: string; readonly sealedSecret: string };

  constructor(deps: AuthenticateAppDeps) {
    this.#deps = deps;
    const clientKey = 'decoy';
    this.#decoy = { clientKey, sealedSecret: sealSecret(deps.secretBox, clientKey, generateSecret()) };
  }

  /**
   * @returns the app, also a disabled one
   * @throws AppError `auth.bad_timestamp`, `auth.timestamp_out_of_window`, `auth.bad_nonce`, `auth.bad_signature`,
   *   `gateway.database_unavailable`
   */
  async authenticate(request: SignedRequest): Promise<AuthenticatedApp> {
    const timestamp = readTimestamp(request.timestamp);
    if (!timestamp) throw new AppError('auth.bad_timestamp');
    const { asOf, found } = await this.#deps.db.run(
      ({ apps }) => apps.findAppWithSecrets(request.clientKey),
      CALLER_PATIENCE_MS,
    );
    requireInWindow(timestamp, asOf);
    if (!isNonce(request.nonce)) throw new AppError('auth.bad_nonce');

    const signedText = stringToSign(request);
    let app: VerifierApp | null = null;
    for (let position = 0; position < MAX_LIVE_SECRETS; position += 1) {
      const sealedSecret = found?.sealedSecrets[position];
      const secret = sealedSecret === undefined ? null : this.#open(request.clientKey, sealedSecret);
      const tried =
        secret ?? openSecret(this.#deps.secretBox, this.#decoy.clientKey, this.#decoy.sealedSecret);
      const isSame = isSameSignature(signatureOf(tried, signedText), request.signature);
      if (isSame && found && secret !== null) app = found.app;
    }
    if (!app) {
      throw new AppError('auth.bad_signature', {
        ...(this.#deps.environment === 'development' ? { data: { string_to_sign: signedText } } : {}),
      });
    }
    const expiresAt = new Date(timestamp.getTime() + SIGNATURE_WINDOW_MS + NONCE_GRACE_MS);
    return { app, nonce: { clientKey: request.clientKey, nonce: request.nonce, expiresAt } };
  }

  /** A secret sealed with a key that SECRETS_KEY no longer has signs nothing; operators are told. */
  #open(clientKey: string, sealedSecret: string): string | null {
    try {
      return openSecret(this.#deps.secretBox, clientKey, sealedSecret);
    } catch (err) {
      this.#deps.logger.error(
        { err, clientKey, alert: 'app.secret_not_opened' },
        'an app secret cannot be opened',
      );
      return null;
    }
  }

  /** @throws AppError `auth.nonce_reused`, `gateway.database_unavailable` */
  async spendNonce(nonce: NonceClaim): Promise<void> {
    const isFresh = await this.#deps.db.run(({ nonces }) => nonces.claim(nonce), CALLER_PATIENCE_MS);
    if (!isFresh) throw new AppError('auth.nonce_reused');
  }
}

function requireInWindow(timestamp: Date, now: Date): void {
  const skewMs = timestamp.getTime() - now.getTime();
  if (Math.abs(skewMs) <= SIGNATURE_WINDOW_MS) return;
  throw new AppError('auth.timestamp_out_of_window', {
    // Positive when the caller's clock is ahead.
    data: { server_time: now.toISOString(), skew_seconds: Math.round(skewMs / 1000) },
  });
}
