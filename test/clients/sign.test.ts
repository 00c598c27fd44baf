import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createNonce, signRequest } from '../../clients/typescript/index.ts';
import { VECTORS } from './signature-vectors.ts';

describe('signRequest', () => {
  for (const vector of VECTORS) {
    it(`gives every step of the vector "${vector.name}"`, async () => {
      const steps = await signRequest({
        clientKey: vector.client_key,
        secret: vector.secret,
        timestamp: vector.timestamp,
        nonce: vector.nonce,
        method: vector.method,
        requestTarget: vector.request_target,
        body: vector.body,
      });
      expect(steps.bodySha256).toBe(vector.body_sha256);
      expect(steps.stringToSign).toBe(vector.string_to_sign);
      expect(steps.signature).toBe(vector.signature);
      expect(steps.headers).toEqual({
        'X-Client-Key': vector.client_key,
        'X-Timestamp': vector.timestamp,
        'X-Nonce': vector.nonce,
        'X-Signature': vector.signature,
      });
    });
  }

  it('signs bytes as it signs the text they encode, and any method in upper case', async () => {
    const input = { clientKey: 'k', secret: 's', timestamp: '1', nonce: 'n', requestTarget: '/' };
    const asText = await signRequest({ ...input, method: 'POST', body: '券' });
    const asBytes = await signRequest({ ...input, method: 'post', body: new Uint8Array(Buffer.from('券')) });
    expect(asBytes).toEqual(asText);
  });
});

describe('createNonce', () => {
  it('is new each time and of the form the gateway takes', () => {
    const nonces = Array.from({ length: 100 }, createNonce);
    expect(new Set(nonces).size).toBe(100);
    for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
  });
});

describe('docs/signing.md', () => {
  it('walks through the first vector with its true values', () => {
    const page = readFileSync('docs/signing.md', 'utf8');
    const [vector] = VECTORS;
    for (const value of [vector?.body, vector?.body_sha256, vector?.string_to_sign, vector?.signature]) {
      expect(page).toContain(value);
    }
  });
});
