// Finds the demo app that `npm start` created, so that a new user can redeem a coupon without configuring anything.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Demo {
  readonly url: string;
  readonly client_key: string;
  readonly secret: string;
  readonly poi_id: string;
  readonly coupons: readonly { readonly short_link?: string; readonly code?: string }[];
}

/** @returns where `npm start` writes it: in DATA_DIR, or `.data` below the working directory */
export function demoFile(environment: NodeJS.ProcessEnv): string {
  return join(environment['DATA_DIR'] || '.data', 'demo.json');
}

/** @returns the demo app, or null if the gateway was never started here. @throws when the file is not as `start` writes it */
export function readDemo(file: string): Demo | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const demo = JSON.parse(text) as Partial<Demo> | null;
  for (const field of ['url', 'client_key', 'secret', 'poi_id'] as const) {
    if (typeof demo?.[field] !== 'string') throw new Error(`${field} is missing`);
  }
  return { ...(demo as Demo), coupons: Array.isArray(demo?.coupons) ? demo.coupons : [] };
}
