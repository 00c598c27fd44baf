// From a coupon's short link to what it carries: asks the link's host once, follows nothing, reads the Location only.
// The link comes from outside, so which hosts may be asked is fenced by name and, for public names, by address.
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import ipaddr from 'ipaddr.js';
import { Agent } from 'undici';
import { AppError } from '../domain/errors.ts';
import type { ShortLinkResolution, ShortLinks } from '../ports/douyin.ts';
import { exchange, type AnswerHeaders } from './http-exchange.ts';

const MAX_IGNORED_BODY_BYTES = 64 * 1024;
const CONNECTIONS_PER_HOST = 32;
/** A wildcard lets a link name any number of hosts. */
const MAX_HOSTS = 64;
const KEEP_ALIVE_MS = 10_000;

export interface HttpShortLinksOptions {
  /** `host`, `*.suffix` or `host:port`, as SHORT_LINK_HOSTS has them. */
  readonly hosts: readonly string[];
  /** Bound of one resolution, milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Which links may be asked:
 * - `host`: https on the default port, at a public address
 * - `*.suffix`: the same for every name below the suffix, not for the suffix itself
 * - `host:port`: http or https on this port, at whatever address: whoever lists a port means that very server
 */
export class ShortLinkFence {
  readonly #hosts = new Set<string>();
  readonly #suffixes: string[] = [];
  readonly #hostsWithPort = new Set<string>();

  /** @throws Error naming the entry that has none of the three forms */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const lower = entry.toLowerCase();
      if (/^\*(\.[a-z0-9-]+)+$/.test(lower)) this.#suffixes.push(lower.slice(1));
      else if (/^([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/.test(lower)) this.#hostsWithPort.add(lower);
      else if (/^([a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(lower)) this.#hosts.add(lower);
      else throw new Error(`SHORT_LINK_HOSTS: ${entry} is not host, *.suffix or host:port`);
    }
  }

  /** @returns null if the link may not be asked */
  admit(shortLink: string): { readonly url: URL; readonly mustBePublic: boolean } | null {
    // Only plain links: no blanks, backslashes or non-ASCII, which URL parsers read in surprising ways, and nothing in
    // the authority but a host and a port, so no user info, percent-encoding or look-alike letters either.
    if (
      !/^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?#][\x21-\x5b\x5d-\x7e]*)?$/i.test(
        shortLink,
      )
    ) {
      return null;
    }
    if (!URL.canParse(shortLink)) return null;
    const url = new URL(shortLink);
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    if (this.#hostsWithPort.has(`${url.hostname}:${port}`)) return { url, mustBePublic: false };
    if (url.protocol !== 'https:' || url.port !== '') return null;
    if (this.#hosts.has(url.hostname)) return { url, mustBePublic: true };
    const isBelowSuffix = this.#suffixes.some(
      (suffix) => url.hostname.endsWith(suffix) && url.hostname.length > suffix.length,
    );
    return isBelowSuffix ? { url, mustBePublic: true } : null;
  }
}

export class HttpShortLinks implements ShortLinks {
  readonly #fence: ShortLinkFence;
  readonly #timeoutMs: number;
  readonly #publicAgent: Agent;
  readonly #listedAgent: Agent;

  constructor(options: HttpShortLinksOptions) {
    this.#fence = new ShortLinkFence(options.hosts);
    this.#timeoutMs = options.timeoutMs;
    const agentOptions = {
      allowH2: false,
      pipelining: 1,
      connections: CONNECTIONS_PER_HOST,
      maxOrigins: MAX_HOSTS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: options.timeoutMs,
    };
    this.#publicAgent = new Agent({
      ...agentOptions,
      connect: { timeout: options.timeoutMs, lookup: publicLookup(lookupAll) },
    });
    this.#listedAgent = new Agent({ ...agentOptions, connect: { timeout: options.timeoutMs } });
  }

  async close(): Promise<void> {
    await Promise.all([this.#publicAgent.close(), this.#listedAgent.close()]);
  }

  async resolve(shortLink: string, signal?: AbortSignal): Promise<ShortLinkResolution> {
    const admitted = this.#fence.admit(shortLink.trim());
    if (admitted === null) return { kind: 'invalid', reason: 'not a link to a listed host' };
    const { url, mustBePublic } = admitted;
    const answered = await exchange(mustBePublic ? this.#publicAgent : this.#listedAgent, {
      origin: url.origin,
      method: 'GET',
      path: url.pathname + url.search,
      headers: { accept: '*/*' },
      timeoutMs: this.#timeoutMs,
      maxBodyBytes: MAX_IGNORED_BODY_BYTES,
      ignoresBody: true,
      signal,
    });
    if (answered.kind !== 'answered') throw unavailable(`${answered.kind}: ${answered.cause}`);
    const { status, headers } = answered;
    if (status >= 500 || status === 429 || status === 408) throw unavailable(`HTTP ${status}`);
    if (![301, 302, 303, 307, 308].includes(status)) return { kind: 'invalid', reason: `HTTP ${status}` };
    const encryptedData = readObjectId(headers, url);
    return encryptedData === null
      ? { kind: 'invalid', reason: `HTTP ${status} without an object_id` }
      : { kind: 'resolved', encryptedData };
  }
}

/**
 * The Location's `object_id`. Its host, path and the rest may change at any time and are ignored.
 * @returns null if there is none, or it is no text that could be handed on
 */
function readObjectId(headers: AnswerHeaders, base: URL): string | null {
  const location = headers['location'];
  if (typeof location !== 'string' || !URL.canParse(location, base.href)) return null;
  const objectId = new URL(location, base).searchParams.get('object_id');
  // A "+" that was not encoded reads as a blank; the value is base64, which has the one and never the other.
  const encryptedData = objectId?.replaceAll(' ', '+') ?? '';
  return /^[\x21-\x7e]+$/.test(encryptedData) ? encryptedData : null;
}

type LookupCallback = (
  err: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

type LookupAll = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (err: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const lookupAll: LookupAll = (hostname, options, callback) => dnsLookup(hostname, options, callback);

/**
 * A name lookup for connecting that refuses a name any of whose addresses is not on the public internet, so the check
 * holds for the very address that is connected to.
 * @param lookup asks for all addresses of a name
 */
export function publicLookup(
  lookup: LookupAll,
): (hostname: string, options: LookupOptions, callback: LookupCallback) => void {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (err, addresses) => {
      if (err) return callback(err, []);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(Object.assign(new Error('not a public address'), { code: 'ERR_NOT_PUBLIC' }), []);
      }
      if (options.all) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

/** Whether an address is ordinary public unicast: not private, loopback, link-local, mapped, translated or reserved. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'));
}

function unavailable(what: string): AppError {
  return new AppError('douyin.unavailable', { internal: `short link: ${what}` });
}
