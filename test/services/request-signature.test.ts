import { describe, expect, it } from '@jest/globals';
import {
  isNonce,
  isSameSignature,
  readTimestamp,
  signatureOf,
  stringToSign,
} from '../../src/services/request-signature.ts';
import { VECTORS } from '../clients/signature-vectors.ts';

describe('the signature', () => {
  it.each(VECTORS.map((vector) => [vector.name, vector] as const))(
    'matches the vector "%s"',
    (_name, vector) => {
      const text = stringToSign({
        clientKey: vector.client_key,
        timestamp: vector.timestamp,
        nonce: vector.nonce,
        method: vector.method,
        requestTarget: vector.request_target,
        body: Buffer.from(vector.body),
      });
      expect(text).toBe(vector.string_to_sign);
      expect(signatureOf(vector.secret, text)).toBe(vector.signature);
    },
  );

  it('differs when any one part differs', () => {
    const parts = {
      clientKey: 'ck_A',
      timestamp: '1773225316',
      nonce: 'nonce-00000001',
      method: 'POST',
      requestTarget: '/a?b=1',
      body: Buffer.from('{}'),
    };
    const original = signatureOf('secret', stringToSign(parts));
    const changes = [
      { clientKey: 'ck_B' },
      { timestamp: '1773225317' },
      { nonce: 'nonce-00000002' },
      { method: 'PATCH' },
      { requestTarget: '/a?b=2' },
      { body: Buffer.from('{ }') },
    ];
    const signatures = changes.map((change) => signatureOf('secret', stringToSign({ ...parts, ...change })));
    expect(new Set([original, ...signatures]).size).toBe(changes.length + 1);
  });

  it('is compared whole: no prefix, other case or other length passes', () => {
    const signature = signatureOf('secret', 'text');
    expect(isSameSignature(signature, signature)).toBe(true);
    for (const other of [
      '',
      signature.slice(1),
      `${signature}0`,
      signature.toUpperCase(),
      `é${signature.slice(2)}`,
    ]) {
      expect(isSameSignature(signature, other)).toBe(false);
    }
  });
});

describe('the timestamp', () => {
  it('is Unix seconds, or milliseconds when it has 13 digits', () => {
    expect(readTimestamp('1773225312')?.toISOString()).toBe('2026-03-11T10:35:12.000Z');
    expect(readTimestamp('1773225315123')?.toISOString()).toBe('2026-03-11T10:35:15.123Z');
  });

  it.each(['', ' 1773225312', '1773225312.5', '-1', '1e9', '0x10', '２', '17732253121234', 'NaN'])(
    'does not read %j as a moment',
    (text) => expect(readTimestamp(text)).toBeNull(),
  );
});

describe('the nonce', () => {
  it.each(['n-4f1d2a90', 'AbC_dEf-123', 'x'.repeat(64)])('may be %s', (nonce) =>
    expect(isNonce(nonce)).toBe(true),
  );
  it.each(['', 'short', 'x'.repeat(65), 'has space', 'ümlaut-12', 'line\nbreak'])('may not be %j', (nonce) =>
    expect(isNonce(nonce)).toBe(false),
  );
});
