// What callers send is never worth more work than its length: no text may hold the event loop.
// Nothing here is measured against a clock's figure: texts of two lengths are compared within one run.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Koa from 'koa';
import ts from 'typescript';
import type { z } from 'zod';
import { readPeriodEnd, readPeriodStart } from '../../src/domain/report-period.ts';
import { ShortLinkFence } from '../../src/douyin/short-link.ts';
import { integerText, text } from '../../src/http/fields.ts';
import { readQuery } from '../../src/http/invalid-request.ts';
import { isJsonContentType } from '../../src/http/json-content-type.ts';
import { cursorText } from '../../src/http/report-fields.ts';
import { isNonce, readTimestamp } from '../../src/services/request-signature.ts';
import { type Harness, startHarness } from '../support/harness.ts';
import { callInternal, errorOf, type HttpGateway, serveHttp } from '../support/http-gateway.ts';

const SHORT = 2_000;
const TIMES = 8;
/** Linear work grows by 8, quadratic by 64. */
const MAX_GROWTH = 24;
/** Below this a figure is noise of the machine, not work. */
const NOISE_MS = 0.2;

/** The least of several runs: what else the machine does only adds. */
function leastMs(work: () => void): number {
  return Math.min(
    ...Array.from({ length: 7 }, () => {
      const startedAt = performance.now();
      work();
      return performance.now() - startedAt;
    }),
  );
}

function growth(work: (length: number) => () => void): number {
  const [short, long] = [work(SHORT), work(SHORT * TIMES)];
  return leastMs(long) / Math.max(leastMs(short), NOISE_MS);
}

/** What regular expressions and splitters trip over, after a beginning that they like. */
const BEGINNINGS = [
  '',
  'application/json',
  'application/json;charset=utf-8',
  'application/json; charset=',
  'en-US',
  'https://v.douyin.com/',
  'https://v',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.1',
  '/v1/open/coupons/verifications/',
];
const UNITS = [
  ' ',
  '\t',
  'a',
  '0',
  'a-',
  ';',
  '; ',
  ',',
  'en,',
  'a=1;',
  '=',
  '"',
  '.',
  '-',
  '_',
  '/',
  '%',
  '%25',
  '&',
  'a&',
  '[',
  ':',
  '+',
  '~',
  '\\',
  '{',
  '{a',
  '*.a',
  '\u0000',
  '你',
  '_x0041_',
];
const ENDS = ['', '!', '\u0001', 'x y'];

function texts(): readonly ((length: number) => string)[] {
  return BEGINNINGS.flatMap((beginning) =>
    UNITS.flatMap((unit) =>
      ENDS.map((end) => (length: number) => {
        const count = Math.ceil(length / unit.length);
        return beginning + unit.repeat(count) + end;
      }),
    ),
  );
}

/** The worst growth over all texts; a suspect is measured again, for once may be an accident. */
function worstGrowth(read: (value: string) => unknown): { readonly growth: number; readonly text: string } {
  let worst = { growth: 0, text: '' };
  for (const make of texts()) {
    const measure = () =>
      growth((length) => {
        const value = make(length);
        return () => void read(value);
      });
    let measured = measure();
    for (let again = 0; again < 3 && measured > MAX_GROWTH; again += 1)
      measured = Math.min(measured, measure());
    if (measured > MAX_GROWTH) return { growth: measured, text: JSON.stringify(make(12)) };
    if (measured > worst.growth) worst = { growth: measured, text: JSON.stringify(make(12)) };
  }
  return worst;
}

const koa = new Koa();
const acceptsLanguages = (value: string) => {
  const request = { headers: { 'accept-language': value }, socket: {} };
  return koa.createContext(request as never, {} as never).acceptsLanguages('zh', 'en');
};
const fence = new ShortLinkFence(['v.douyin.com', '*.douyin.com', '127.0.0.1:80']);
const parse = (schema: z.ZodType) => (value: string) => schema.safeParse(value);

describe('the readers of callers’ texts', () => {
  it.each<[string, (value: string) => unknown]>([
    ['Content-Type', isJsonContentType],
    ['Accept-Language, by Koa', acceptsLanguages],
    ['a query', (value) => readQuery(value, new Set(['page', 'a']), 'zh')],
    ['a short link', (value) => fence.admit(value.trim())],
    ['a text field', parse(text({ min: 1, max: 64 }))],
    ['a number', parse(integerText({ min: 1, max: 9 }))],
    ['a cursor', parse(cursorText())],
    ['a start time', (value) => readPeriodStart(value, 'Asia/Shanghai')],
    ['an end time', (value) => readPeriodEnd(value, 'Asia/Shanghai')],
    ['a nonce', isNonce],
    ['a timestamp', readTimestamp],
  ])('%s takes no more work than its length', (_what, read) => {
    const { growth: found, text: worstText } = worstGrowth(read);
    expect(found > MAX_GROWTH ? worstText : 'linear').toBe('linear');
  });
});

const FOLDERS = ['http', 'services', 'domain', 'douyin', 'db'];

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

/** Every regular expression of a source file, as written. */
function regularExpressionsOf(path: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.RegularExpressionLiteral) found.push(node.getText());
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}

/** On the configuration's texts, once, at start. */
const NEVER_ON_CALLERS_TEXTS = new Set(['/\\/+$/']);

describe('the regular expressions of the sources', () => {
  const source = join(import.meta.dirname, '../../src');
  const all = FOLDERS.flatMap((folder) => sourceFiles(join(source, folder)).flatMap(regularExpressionsOf));
  const expressions = [...new Set(all)].filter((literal) => !NEVER_ON_CALLERS_TEXTS.has(literal));

  it('are found', () => {
    expect(expressions.length).toBeGreaterThan(25);
  });

  it.each(expressions)('%s takes no more work than the text is long', (literal) => {
    const end = literal.lastIndexOf('/');
    const expression = new RegExp(literal.slice(1, end), literal.slice(end + 1));
    const { growth: found, text: worstText } = worstGrowth((value) => value.replace(expression, ''));
    expect(found > MAX_GROWTH ? worstText : 'linear').toBe('linear');
  });
});

describe('through a socket', () => {
  let harness: Harness;
  let server: HttpGateway;
  beforeAll(async () => {
    harness = await startHarness({ workers: [] });
    server = await serveHttp(harness);
  }, 90_000);
  afterAll(async () => {
    await server.close();
    await harness.close();
  });

  /** Blanks between two others, so that Node does not cut them off. */
  const blanks = (count: number) => `application/json${' '.repeat(count)}x`;
  const letters = (count: number) => `application/json${'y'.repeat(count)}x`;

  async function replyMs(headers: Readonly<Record<string, string>>): Promise<number> {
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const startedAt = performance.now();
      const reply = await callInternal(server.url, {
        method: 'POST',
        target: '/v1/internal/apps',
        body: '{}',
        headers,
      });
      times.push(performance.now() - startedAt);
      expect([400, 415]).toContain(errorOf(reply).status);
    }
    return Math.min(...times);
  }

  it.each(['Content-Type', 'Accept-Language', 'X-Request-Id', 'Content-Encoding'])(
    'blanks in %s cost what as many letters cost',
    async (name) => {
      const count = 15_000;
      const needed = { 'X-XTJ-UID': 'admin-1', 'Content-Type': 'text/plain' };
      const ofLetters = await replyMs({ ...needed, [name]: letters(count) });
      const ofBlanks = await replyMs({ ...needed, [name]: blanks(count) });
      expect(ofBlanks / ofLetters).toBeLessThan(20);
    },
  );
});
