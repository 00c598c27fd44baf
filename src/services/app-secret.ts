// An app's secret: made, and sealed so that it opens for that app alone. Who may see it is the use cases' to say.
import { randomBytes } from 'node:crypto';
import type { SecretBox } from '../ports/secret-box.ts';

const SECRET_BYTES = 32;
const CLIENT_KEY_BYTES = 12;

/** A client changes over from one to the other; more would only make a leaked one live longer. */
export const MAX_LIVE_SECRETS = 2;

export function generateSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

export function generateClientKey(): string {
  return `ck_${randomBytes(CLIENT_KEY_BYTES).toString('hex')}`;
}

export function sealSecret(box: SecretBox, clientKey: string, secret: string): string {
  return box.seal(secret, purposeOf(clientKey));
}

/** @throws Error if it was sealed for another app or with a key that is no longer configured */
export function openSecret(box: SecretBox, clientKey: string, sealedSecret: string): string {
  return box.open(sealedSecret, purposeOf(clientKey));
}

function purposeOf(clientKey: string): string {
  return `app-secret:${clientKey}`;
}
