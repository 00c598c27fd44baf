import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { ADVICE } from '../../src/domain/advice.ts';
import { type CodeMeaning, DOUYIN_CODES, meaningOf } from '../../src/domain/douyin-codes.ts';
import { AppError, ERRORS } from '../../src/domain/errors.ts';
import { renderDouyinCodesDocument, renderErrorsDocument } from './errors-document.ts';

const pathOf = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const CHINESE = /[\u4e00-\u9fff]/;

describe('the error table', () => {
  it.each(Object.entries(ERRORS))('%s is well formed, in both languages', (code, entry) => {
    expect(code).toMatch(/^[a-z]+\.[a-z_]+$/);
    for (const { zh, en } of [entry, entry.action]) {
      expect(zh).toMatch(CHINESE);
      expect(en).toMatch(/[a-z]/i);
      expect(en).not.toMatch(CHINESE);
    }
  });

  it('gives an error its kind by its code alone', () => {
    expect(new AppError('gateway.busy').kind).toBe('gateway_unavailable');
    expect(new AppError('verification.token_reused').kind).toBe('conflict');
  });
});

describe('Douyin’s codes for people', () => {
  it('advise about the coupon exactly where Douyin speaks of the coupon', () => {
    const ofTheCoupon = ['in_review', 'not_found', 'already_verified', 'coupon_refused', 'bad_request'];
    for (const [code, { meaning, reason }] of Object.entries(DOUYIN_CODES)) {
      expect([code, reason !== null]).toEqual([code, ofTheCoupon.includes(meaning)]);
    }
  });

  it.each<[number | 'unreadable', string, CodeMeaning]>([
    [1208, '该券已被核销', 'already_verified'],
    [2, '', 'already_verified'],
    [1212, '券不存在', 'not_found'],
    [3000001, '业务错误', 'unexplained'],
    [28001020, '', 'unexplained'],
    ['unreadable', '', 'unexplained'],
    [1212, '服务器错误，请稍后重试', 'busy'],
    ['unreadable', '您的访问过于频繁，请稍后重试', 'too_frequent'],
    [2119003, '服务器错误，请稍后重试', 'too_frequent'],
    [2190008, '服务器错误，请稍后重试', 'stale_token'],
  ])('the code %j with "%s" says %s', (code, words, meaning) => {
    expect(meaningOf(code, words)).toBe(meaning);
  });

  it('have advice in both languages', () => {
    for (const { zh, en } of Object.values(ADVICE)) {
      expect(zh).toMatch(CHINESE);
      expect(en).not.toMatch(CHINESE);
    }
  });
});

describe('the pages made from the tables', () => {
  it.each([
    ['docs/errors.md', renderErrorsDocument],
    ['docs/douyin-codes.md', renderDouyinCodesDocument],
  ])('%s is up to date', async (file, render) => {
    const options = { ...(await resolveConfig(pathOf(file))), parser: 'markdown' };
    const text = await format(render(), options);
    if (process.env['SAVE_DOCS']) await writeFile(pathOf(file), text);
    expect(readFileSync(pathOf(file), 'utf8')).toBe(text);
  });
});
