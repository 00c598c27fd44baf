import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { ADVICE } from '../../src/domain/advice.ts';
import { DOUYIN_CODES } from '../../src/domain/douyin-codes.ts';
import { AppError, ERRORS } from '../../src/domain/errors.ts';
import { meaningOfCode } from '../../src/douyin/error-codes.ts';
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
  it('are those the gateway decides by', () => {
    const source = readFileSync(pathOf('src/douyin/error-codes.ts'), 'utf8');
    const table = source.slice(source.indexOf('CODES_BY_MEANING'), source.indexOf('MEANING_BY_CODE'));
    const decided = [...table.matchAll(/\b\d{4,}\b/g)].map(([digits]) => Number(digits));
    expect(decided.length).toBeGreaterThan(40);
    // The item results for "verified already", and the one business error that says nothing.
    const elsewhere = [2, 1208, 3000001];
    expect(Object.keys(DOUYIN_CODES).map(Number).toSorted(byNumber)).toEqual(
      [...decided, ...elsewhere].toSorted(byNumber),
    );
  });

  it('advise about the coupon exactly where Douyin speaks of the coupon', () => {
    const ofTheCoupon = ['in_review', 'not_found', 'coupon_refused', 'bad_request'];
    for (const [code, { reason }] of Object.entries(DOUYIN_CODES)) {
      if (['2', '1208', '3000001'].includes(code)) continue;
      expect([code, reason !== null]).toEqual([code, ofTheCoupon.includes(meaningOfCode(Number(code)))]);
    }
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

function byNumber(first: number, second: number): number {
  return first - second;
}
