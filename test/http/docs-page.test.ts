// The reference page in a real browser: it shows, it loads nothing from elsewhere, and what is tried out is signed.
import chromium from '@sparticuz/chromium';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { type Harness, startHarness } from '../support/harness.ts';
import { createClientApp, type HttpGateway, serveHttp } from '../support/http-gateway.ts';

let harness: Harness;
let server: HttpGateway;
let browser: Browser;
let page: Page;
const requested: string[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  harness = await startHarness({ workers: [] });
  server = await serveHttp(harness);
  browser = await puppeteer.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? (await chromium.executablePath()),
    args: chromium.args,
  });
  page = await browser.newPage();
  page.on('request', (request) => requested.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (err) => complaints.push(String(err)));
  await page.goto(`${server.url}/docs`);
  await page.waitForSelector('#operations-coupons-findVerification');
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await server.close();
  await harness.close();
});

describe('the reference page', () => {
  it('shows the operations and loads everything from here', () => {
    expect(requested.length).toBeGreaterThan(4);
    const elsewhere = requested.filter(
      (url) => !url.startsWith(`${server.url}/`) && !url.startsWith('data:'),
    );
    expect(elsewhere).toEqual([]);
    // The browser asks for a favicon by itself; nothing else is missing or forbidden.
    expect(complaints.filter((complaint) => !/404/.test(complaint))).toEqual([]);
  });

  it('signs what is tried out', async () => {
    const app = await createClientApp(server.url);
    await page.type('#client-key', app.clientKey);
    await page.type('#secret', app.secret);
    const operation = '#operations-coupons-findVerification';
    await page.click(`${operation} .opblock-summary-control`);
    await page.waitForSelector(`${operation} .try-out__btn`);
    await page.click(`${operation} .try-out__btn`);
    await page.type(`${operation} input[placeholder="verify_token"]`, 'nobody/used it');
    const answered = page.waitForResponse((response) =>
      response.url().includes('/v1/open/coupons/verifications/'),
    );
    await page.click(`${operation} .execute`);
    const response = await answered;
    expect([response.status(), await response.json()]).toMatchObject([
      404,
      { error: { code: 'verification.not_found' } },
    ]);
  }, 30_000);
});
