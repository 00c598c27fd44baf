import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createSecretBox } from '../../src/secret-box.ts';

const key = () => randomBytes(32).toString('base64');

describe('a secret box', () => {
  it('opens what it sealed, for the purpose it was sealed for', () => {
    const box = createSecretBox([key()]);
    const sealed = box.seal('密钥 secret', 'app-secret:a');
    expect(sealed).not.toContain('secret');
    expect(box.open(sealed, 'app-secret:a')).toBe('密钥 secret');
    expect(() => box.open(sealed, 'app-secret:b')).toThrow();
  });

  it('seals the same text differently every time', () => {
    const box = createSecretBox([key()]);
    expect(box.seal('x', 'p')).not.toBe(box.seal('x', 'p'));
  });

  it('seals with the first key and opens with all: a key is rotated by putting the new one in front', () => {
    const [older, newer] = [key(), key()] as const;
    const sealedBefore = createSecretBox([older]).seal('before', 'p');
    const rotated = createSecretBox([newer, older]);
    expect(rotated.open(sealedBefore, 'p')).toBe('before');
    const sealedAfter = rotated.seal('after', 'p');
    expect(createSecretBox([newer]).open(sealedAfter, 'p')).toBe('after');
    expect(() => createSecretBox([older]).open(sealedAfter, 'p')).toThrow(/No key of SECRETS_KEY/);
  });

  it.each(['', 'v1', 'v2.x.y', 'plain text'])('opens nothing that is no sealed value: %j', (text) => {
    expect(() => createSecretBox([key()]).open(text, 'p')).toThrow();
  });

  it.each([1, 20, -1])('opens nothing that was changed on the way, at byte %i', (position) => {
    const box = createSecretBox([key()]);
    const [version, id, body] = box.seal('a text of some length', 'p').split('.');
    const bytes = Buffer.from(body ?? '', 'base64url');
    const at = position < 0 ? bytes.length + position : position;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    expect(() => box.open([version, id, bytes.toString('base64url')].join('.'), 'p')).toThrow();
  });
});
