// Encryption at rest of app secrets and the access token. src/observability/secret.ts only hides values from prints.

export interface SecretBox {
  /** Authenticated encryption, bound to `purpose`: a box sealed for one purpose opens for no other. */
  seal(plain: string, purpose: string): string;
  /** @throws Error if the box was changed, or no configured key opens it */
  open(box: string, purpose: string): string;
}
