// The demo app and coupons a new user finds after `start`, and the file the command-line POS reads its credentials from.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { openCore } from '../deps.ts';
import type { Logger } from '../observability/logger.ts';
import { generateSecret, sealSecret } from '../services/app-secret.ts';
import { createVerifierApp } from '../services/create-verifier-app.ts';
import type { Simulator } from '../simulator/simulator.ts';
import { SIMULATOR_DEFAULTS } from '../simulator/defaults.ts';

const DEMO_CODE = 'demo';
const MAX_DEMO_ORDERS = 50;
const MIN_DEMO_COUPONS = 5;
const DEMO_ACTOR = { uid: 'start', requestId: 'start' };

/** @returns a coupon to try that can still be used */
export async function ensureDemo(
  config: Config,
  logger: Logger,
  dataDir: string,
  url: string,
  simulator: Simulator,
): Promise<{ readonly shortLink: string }> {
  const path = join(dataDir, 'demo.json');
  const known = await readCredentials(path);
  const credentials = await ensureApp(config, logger, known);
  const coupons = usableCoupons(simulator);
  await writeFile(
    path,
    `${JSON.stringify({ url, ...credentials, poi_id: SIMULATOR_DEFAULTS.stores[0].poiId, simulator_url: simulator.url, coupons }, null, 2)}\n`,
    { mode: 0o600 },
  );
  const first = coupons[0];
  if (!first) throw new Error('The simulator has no usable coupon');
  return { shortLink: first.short_link };
}

interface Credentials {
  readonly client_key: string;
  readonly secret: string;
}

async function readCredentials(path: string): Promise<Credentials | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Credentials;
  } catch (err) {
    // No file yet, or one cut short by a crash: the app gets a new secret.
    if ((err as NodeJS.ErrnoException).code === 'ENOENT' || (err as Error).name === 'SyntaxError')
      return null;
    throw err;
  }
}

async function ensureApp(config: Config, logger: Logger, known: Credentials | null): Promise<Credentials> {
  const core = await openCore(config, logger);
  try {
    const app = await core.db.run((repositories) => repositories.apps.findAppByCode(DEMO_CODE));
    if (!app) {
      const created = await createVerifierApp(core, { name: '演示收银台', code: DEMO_CODE }, DEMO_ACTOR);
      return { client_key: created.app.clientKey, secret: created.secret };
    }
    if (known?.client_key === app.clientKey && typeof known.secret === 'string') {
      return { client_key: known.client_key, secret: known.secret };
    }
    const secret = generateSecret();
    await core.db.run((repositories) =>
      repositories.apps.insertSecret(app.id, sealSecret(core.secretBox, app.clientKey, secret)),
    );
    return { client_key: app.clientKey, secret };
  } finally {
    await core.close();
  }
}

/** A coupon of each order that can be used now, with a live QR code, oldest first; never fewer than a handful. */
function usableCoupons(simulator: Simulator): { short_link: string; code: string }[] {
  const { state } = simulator;
  const usable = state
    .listOrders({ pageSize: MAX_DEMO_ORDERS })
    .items.filter((order) => order.status === 'paid')
    .flatMap((order) => {
      const coupon = order.coupons.find((candidate) => candidate.isUsableNow);
      return coupon ? [{ order, coupon }] : [];
    })
    .toReversed();
  if (usable.length < MIN_DEMO_COUPONS) {
    state.createOrders({ title: '双人下午茶套餐' }, MIN_DEMO_COUPONS - usable.length);
    return usableCoupons(simulator);
  }
  return usable.map(({ order, coupon }) => ({
    short_link: order.isQrLive ? order.shortLink : state.refreshQr(order.orderId).shortLink,
    code: coupon.code,
  }));
}
