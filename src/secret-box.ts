// Encryption at rest (the secret-box port): AES-256-GCM with the keys of SECRETS_KEY.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { SecretBox } from './ports/secret-box.ts';

const VERSION = 'v1';
const NONCE_BYTES = 12; // NIST SP 800-38D: 96 bits
const TAG_BYTES = 16;
const KEY_ID_CHARACTERS = 8;

/**
 * @param keys 32 bytes each in base64; the first seals, all open, so a key is rotated by putting the new one in front
 */
export function createSecretBox(keys: readonly string[]): SecretBox {
  const ring = keys.map((text) => {
    const key = Buffer.from(text, 'base64');
    return { key, id: createHash('sha256').update(key).digest('hex').slice(0, KEY_ID_CHARACTERS) };
  });
  const sealing = ring[0];
  if (!sealing) throw new Error('At least one key is needed');
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing.key, nonce).setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([
        nonce,
        cipher.update(plain, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return `${VERSION}.${sealing.id}.${sealed.toString('base64url')}`;
    },
    open(box, purpose) {
      const [version, id, body] = box.split('.');
      const key = ring.find((candidate) => candidate.id === id)?.key;
      if (version !== VERSION || body === undefined) throw new Error('Not a sealed value');
      if (!key) throw new Error(`No key of SECRETS_KEY opens this value (it was sealed with key ${id})`);
      const sealed = Buffer.from(body, 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      return (
        decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      );
    },
  };
}
