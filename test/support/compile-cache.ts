// Node keeps what it compiled for the next process: programs of ours that tests start load in two thirds of the time.
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Part of the environment of such a program. */
export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'dy-gateway-compile-cache'),
} as const;
