// /openapi.json and /docs: the reference, served from here alone; nothing is loaded from outside.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { bytes } from '../answer.ts';
import { defineRoute } from '../route.ts';

const PAGE_FOLDER = fileURLToPath(new URL('../docs-page', import.meta.url));
const SWAGGER_FOLDER = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
/** What the page may do, so that even a mistake in it could not load anything from outside. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHE = 'public, max-age=3600';

/** People open the page on the internal surface too: see ../middleware/own-pages.ts. */
const OWN_PAGES_ALONE = ['request.wrong_host', 'request.foreign_origin'] as const;

const ASSETS = {
  'page.js': { folder: PAGE_FOLDER, type: 'text/javascript; charset=utf-8' },
  'page.css': { folder: PAGE_FOLDER, type: 'text/css; charset=utf-8' },
  'swagger-ui.css': { folder: SWAGGER_FOLDER, type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { folder: SWAGGER_FOLDER, type: 'text/javascript; charset=utf-8' },
} as const;
const ASSET_NAMES = Object.keys(ASSETS) as (keyof typeof ASSETS)[];

const files = new Map<string, Buffer>();

/** Each file is read once: whoever asks for the page again and again must not keep the tills waiting for the disk. */
function readOnce(folder: string, name: string): Buffer {
  const path = join(folder, name);
  const known = files.get(path);
  if (known) return known;
  const content = readFileSync(path);
  files.set(path, content);
  return content;
}

export const openApiRoute = defineRoute({
  operationId: 'openApi',
  method: 'GET',
  path: '/openapi.json',
  surface: 'public',
  tag: 'docs',
  summary: { zh: 'OpenAPI 3.1 文档', en: 'The OpenAPI 3.1 document' },
  description: {
    zh: '与校验请求、裁剪应答所用的是同一份声明。',
    en: 'Made from the same declarations that check requests and strip answers.',
  },
  responses: {
    200: { description: { zh: '文档', en: 'The document' }, contentTypes: ['application/json'] },
  },
  errorCodes: [],
  handler: (deps) => bytes('application/json; charset=utf-8', deps.openApiText(), { 'Cache-Control': CACHE }),
});

export const docsRoute = defineRoute({
  operationId: 'docs',
  method: 'GET',
  path: '/docs',
  surface: 'public',
  tag: 'docs',
  summary: { zh: '可试调用的参考页', en: 'The interactive reference' },
  description: { zh: '浏览器打开即可。', en: 'Open it in a browser.' },
  responses: { 200: { description: { zh: '网页', en: 'The page' }, contentTypes: ['text/html'] } },
  errorCodes: OWN_PAGES_ALONE,
  handler: () =>
    bytes('text/html; charset=utf-8', readOnce(PAGE_FOLDER, 'index.html'), {
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': CACHE,
    }),
});

export const docsAssetRoute = defineRoute({
  operationId: 'docsAsset',
  method: 'GET',
  path: '/docs/{file}',
  surface: 'public',
  tag: 'docs',
  summary: { zh: '参考页的脚本与样式', en: 'Scripts and styles of the reference' },
  description: { zh: '供 /docs 使用。', en: 'Used by /docs.' },
  params: z.object({ file: z.enum(ASSET_NAMES) }),
  responses: {
    200: {
      description: { zh: '文件', en: 'The file' },
      contentTypes: ['text/javascript', 'text/css'],
    },
  },
  errorCodes: OWN_PAGES_ALONE,
  handler(_deps, { params }) {
    const { folder, type } = ASSETS[params.file];
    return bytes(type, readOnce(folder, params.file), {
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': CACHE,
    });
  },
});
