// Keeps other people's web pages out of the internal surface. A page that an operator has open can send requests from
// the operator's machine, and by DNS rebinding it can even read the answers: its own name then resolves to this gateway,
// so the name in Host is the one thing that gives it away.
import { isIP } from 'node:net';
import { AppError } from '../../domain/errors.ts';
import type { HttpContext, HttpMiddleware } from '../request-state.ts';
import { isForOwnPages } from '../surfaces.ts';

const AUTHORITY = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::\d{0,5})?$/;
const MAX_AUTHORITY_CHARACTERS = 300;

/** What browsers write about a request of the gateway's own page, or of a person who typed the address. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);

/** @param hosts names under which people reach the internal surface; IP literals and `localhost` always do */
export function ownPages(hosts: readonly string[]): HttpMiddleware {
  const names = new Set(['localhost', ...hosts.map(withoutFinalDot)]);
  return async (ctx, next) => {
    if (isForOwnPages(ctx.path)) {
      const authorities = authoritiesOf(ctx);
      if (authorities.length === 0 || !authorities.every((authority) => isOwnHost(authority, names)))
        throw new AppError('request.wrong_host');
      if (!comesFromOwnPage(ctx, authorities)) throw new AppError('request.foreign_origin');
    }
    await next();
  };
}

/** What the request calls this server: each Host header, and the request target if it is a whole URL. */
function authoritiesOf(ctx: HttpContext): readonly string[] {
  const hosts = ctx.req.headersDistinct['host'] ?? [];
  const target = ctx.req.url ?? '';
  if (target.startsWith('/')) return hosts.length === 1 ? hosts : [];
  // `GET http://name/path`: its name counts as much as the header's.
  const url = URL.canParse(target) ? new URL(target) : null;
  return url && hosts.length === 1 ? [...hosts, url.host] : [];
}

function isOwnHost(authority: string, names: ReadonlySet<string>): boolean {
  const host = hostOf(authority);
  if (host === null) return false;
  if (host.startsWith('[')) return isIP(host.slice(1, -1)) === 6;
  return isIP(host) === 4 || names.has(withoutFinalDot(host));
}

/** @returns the host without its port, or null for what is no authority */
function hostOf(authority: string): string | null {
  if (authority.length > MAX_AUTHORITY_CHARACTERS) return null;
  return AUTHORITY.exec(authority)?.[1] ?? null;
}

function withoutFinalDot(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

function comesFromOwnPage(ctx: HttpContext, authorities: readonly string[]): boolean {
  const { origin: origins = [], 'sec-fetch-site': sites = [] } = ctx.req.headersDistinct;
  return (
    sites.every((site) => OWN_SITES.has(site)) &&
    origins.every((origin) => authorities.every((authority) => isOriginOf(origin, authority)))
  );
}

/** Whether a page of this origin was served under this authority; `null` and what is no origin never were. */
function isOriginOf(origin: string, authority: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host, origin: canonical } = new URL(origin);
  if (protocol !== 'http:' && protocol !== 'https:') return false;
  // A proxy in front may end TLS, so the scheme is the origin's own; it only says which port may be left out.
  const own = `${protocol}//${authority}`;
  return URL.canParse(own) && new URL(own).host === host && canonical === origin.toLowerCase();
}
