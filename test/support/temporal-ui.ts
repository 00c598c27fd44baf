// Temporal's web UI in a real browser, as an operator uses it: pages by workflow id, visible text, clicks.
import chromium from '@sparticuz/chromium';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { eventually } from './eventually.ts';

const PAGE_TIMEOUT_MS = 30_000;
const VIEWPORT = { width: 1500, height: 1300 };

export class TemporalUi {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #url: string;

  constructor(browser: Browser, page: Page, url: string) {
    this.#browser = browser;
    this.#page = page;
    this.#url = url;
  }

  /** Opens a page below the namespace and waits until all of these texts are visible. @returns its whole visible text */
  async open(path: string, ...expected: readonly string[]): Promise<string> {
    await this.#page.goto(`${this.#url}/namespaces/default${path}`, { waitUntil: 'domcontentloaded' });
    return this.untilVisible(...expected);
  }

  async untilVisible(...expected: readonly string[]): Promise<string> {
    return eventually(async () => {
      // The UI shows markdown (summary, current details) in frames of their own.
      const frames = await Promise.all(
        this.#page.frames().map((frame) => frame.evaluate('document.body.innerText')),
      );
      const text = frames.map(String).join('\n');
      const missing = expected.filter((part) => !text.includes(part));
      if (missing.length > 0) throw new Error(`The page does not show ${missing.join(', ')}:\n${text}`);
      return text;
    }, PAGE_TIMEOUT_MS);
  }

  /** Opens one tab of a workflow's newest run, e.g. `history`. */
  async openWorkflow(workflowId: string, tab: string, ...expected: readonly string[]): Promise<string> {
    await this.open(`/workflows/${workflowId}`, workflowId);
    // The UI adds the run to the address, and its tabs lie below that.
    await eventually(() => this.#page.url().endsWith('/timeline'), PAGE_TIMEOUT_MS);
    return this.open(
      new URL(this.#page.url()).pathname.replace(/^.*?(\/workflows\/.*)timeline$/, `$1${tab}`),
      ...expected,
    );
  }

  /** Clicks the one element of the selector that is visible: the UI holds some twice, for narrow and wide windows. */
  async click(selector: string): Promise<void> {
    await eventually(async () => {
      for (const element of await this.#page.$$(selector)) {
        if (await element.isVisible()) {
          await element.click();
          return true;
        }
      }
      throw new Error(`Nothing visible is ${selector}`);
    }, PAGE_TIMEOUT_MS);
  }

  /** "More Actions", "Send a Signal", the signal by its name, "Submit". */
  async sendSignal(name: string): Promise<void> {
    await this.click('button[aria-controls="workflow-actions"]');
    await this.click('[data-testid="signal-button"]');
    await this.click('[data-testid="signal-select-button"]');
    await this.click(`dialog [role="option"] ::-p-text(${name})`);
    await this.click('dialog [data-testid="confirm-modal-button"]:not([disabled])');
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** Opens the UI in a headless Chromium of its own; the one of CHROMIUM_PATH if that is given. */
export async function openTemporalUi(url: string): Promise<TemporalUi> {
  const browser = await puppeteer.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? (await chromium.executablePath()),
    args: chromium.args,
    headless: 'shell',
    defaultViewport: VIEWPORT,
  });
  return new TemporalUi(browser, await browser.newPage(), url);
}
