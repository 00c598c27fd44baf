// What the plans' placeholders become: coupons that can be redeemed, ids that exist, tokens and cursors the gateway
// gave. It learns from the answers, and signs with apps of its own that it replaces when the fuzzing has hurt them.
import { randomBytes } from 'node:crypto';
import { CONTROL_PREFIX } from '../../src/simulator/control.ts';
import { SIMULATOR_DEFAULTS } from '../../src/simulator/defaults.ts';
import type { ShortLinkVariant } from '../../src/simulator/simulator.ts';
import { signatureOf, stringToSign } from '../../src/services/request-signature.ts';
import { callOpen, createClientApp, type Credentials } from '../support/http-gateway.ts';
import type { FaultInput } from '../../src/simulator/faults.ts';
import { SimulatorControl, type SimulatedOrder } from '../support/simulator-control.ts';
import type { AuthKind, Kind, Placeholder, Plan } from './requests.ts';
import type { WireRequest } from './wire.ts';

const MAX_KEPT = 2000;
const SACRIFICES = 12;
/** Of each kind: few at once, for they start together. */
const TROUBLED = 10;
const poiIds = SIMULATOR_DEFAULTS.stores.map((store) => store.poiId);
const UNUSUAL_LINKS: readonly ShortLinkVariant[] = [
  'relative_redirect',
  'foreign_host',
  'without_object_id',
  'page',
  'gone',
  'server_error',
];
const UNUSUAL_STATES = ['refunded', 'refunding', 'refund_applied'] as const;

export interface MadeRequest {
  readonly wire: WireRequest;
  /** Whether the target still names the plan's operation. */
  readonly isOwnPath: boolean;
  /** Nobody may find these in an error. */
  readonly secrets: readonly string[];
}

export class Materials {
  readonly #url: string;
  readonly #control: SimulatorControl;
  readonly #simulatorUrl: string;
  readonly #lists: Record<Kind, string[]> = {
    short_link: [], code: [], encrypted_code: [], verify_token: [], poi_id: [...poiIds, ...poiIds, 'nowhere'], app_id: [],
    secret_id: ['1', '2', '3'], verification_id: [], open_verification_id: [], stuck_verification_id: [], known_token: [], certificate_id: [], order_id: [], cursor: [], new_text: [],
  }; // prettier-ignore
  /** What a prepare gave, to be verified together. */
  readonly #prepared: { readonly encryptedCode: string; readonly verifyToken: string }[] = [];
  #drivers: Credentials[] = [];
  #fresh = 0;
  /** A spent nonce per client key: another app's is nobody's replay. */
  readonly #usedNonces = new Map<string, string>();

  constructor(url: string, simulatorUrl: string) {
    this.#url = url;
    this.#simulatorUrl = simulatorUrl;
    this.#control = new SimulatorControl(simulatorUrl);
  }

  /** @param coupons how many can be redeemed; some more are in one trouble or another */
  async prepare(coupons: number): Promise<void> {
    const orders: SimulatedOrder[] = [];
    for (let made = 0; made < coupons; made += 500) orders.push(...(await this.#control.createOrders(500)));
    orders.push(...(await this.#control.createOrders(100, { coupons: 3 })));
    orders.push(...(await this.#control.createOrders(50, { kind: 'times_card' })));
    for (const shortLinkVariant of UNUSUAL_LINKS)
      orders.push(...(await this.#control.createOrders(20, { shortLinkVariant })));
    for (const couponStatus of UNUSUAL_STATES)
      orders.push(...(await this.#control.createOrders(20, { couponStatus })));
    // In an order that has nothing to do with how they were made, and is the same in each run.
    const mixed = orders
      .map((order, position) => ({ order, key: (position * 7919) % orders.length }))
      .toSorted((a, b) => a.key - b.key);
    for (const { order } of mixed) {
      this.#lists.short_link.push(order.short_link);
      this.#lists.code.push(order.coupons[0]?.code ?? '');
      this.#lists.order_id.push(order.order_id);
      this.#lists.certificate_id.push(order.coupons[0]?.certificate_id ?? '');
    }
    this.#drivers = await Promise.all([0, 1, 2].map(() => this.#newDriver()));
    for (let made = 0; made < SACRIFICES; made += 1) {
      const { id } = await createClientApp(this.#url, made % 3 === 0 ? { poi_ids: [poiIds[1]] } : {});
      this.#lists.app_id.push(String(id));
    }
    await this.#trouble('open_verification_id', { kind: 'cut-before-effect', endpoints: ['verify'] });
    await this.#trouble('stuck_verification_id', { kind: 'permission-missing', endpoints: ['order_query'] });
  }

  /** Verifies some coupons whose orders Douyin never answers for. */
  async #trouble(kind: Kind, fault: Pick<FaultInput, 'kind' | 'endpoints'>): Promise<void> {
    const orders = await this.#control.createOrders(TROUBLED);
    await Promise.all(
      orders.map(async (order) => {
        await this.#control.addFault({ ...fault, orderId: order.order_id, count: 'always' });
        const body = JSON.stringify({ poi_id: poiIds[0], code: order.coupons[0]?.code });
        const driver = this.#drivers[0] as Credentials;
        const reply = await callOpen(this.#url, driver, {
          method: 'POST',
          target: '/v1/open/coupons/verify',
          body,
        });
        // A busy machine may have refused it; the others do.
        if (reply.status !== 200) return;
        this.#lists[kind].push(String((reply.json() as { data: { id: number } }).data.id));
      }),
    );
  }

  /** From now on a share of Douyin's answers is troubled. */
  async disturb(seed: string, rate: number): Promise<void> {
    const known = (await (await fetch(`${this.#simulatorUrl}${CONTROL_PREFIX}/fault-kinds`)).json()) as {
      fault_kinds: string[];
    };
    // Those make Douyin's pauses hold for every request, so that the others would not get deep.
    const left =
      /too-frequent|retry-text|http-429|quota|refuse-connections|amounts-empty|after-effect-items|risk-review-fails|stale/;
    const kinds = known.fault_kinds.filter((kind) => !left.test(kind));
    const response = await fetch(`${this.#simulatorUrl}${CONTROL_PREFIX}/fault-plan`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ seed, rate, kinds, max_delay_ms: 50 }),
    });
    if (!response.ok) throw new Error(`The simulator refused the fault plan: ${await response.text()}`);
  }

  /** Puts real values in and signs. */
  make(plan: Plan): MadeRequest {
    const resolved = this.#resolveTogether(plan);
    const path = resolved.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodePart(resolved.params[name]),
    );
    const query = resolved.query.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join('&');
    const target = visible(`${path}${query && `?${query}`}${resolved.targetSuffix}`);
    const body = !resolved.body
      ? Buffer.alloc(0)
      : 'bytes' in resolved.body
        ? resolved.body.bytes
        : Buffer.from(toJson(resolved.body.json));
    // The signature covers what the server will read.
    const read = resolved.framing === 'surplus' ? body.subarray(0, Math.floor(body.length / 2)) : body;
    const headers = [...resolved.headers, ...this.#authentication(plan, target, read)];
    return {
      wire: { method: resolved.method, target, headers, body, framing: resolved.framing },
      isOwnPath:
        /^$|^\?/.test(resolved.targetSuffix) || (resolved.targetSuffix.startsWith('&') && query !== '')
          ? !/\/(\.{0,2}|%2e|%2e%2e|\.%2e|%2e\.)(\/|$)/i.test(path)
          : false,
      secrets: [...this.#drivers.map((driver) => driver.secret), ...couponValues(resolved)],
    };
  }

  /** Learns from an answer. */
  learn(plan: Plan, made: MadeRequest, status: number, text: string): void {
    const header = (wanted: string) => made.wire.headers.find(([name]) => name === wanted)?.[1];
    const nonce = header('X-Nonce');
    // Known to be spent only now: sent again meanwhile, either of the two could be the first.
    if (nonce !== undefined && plan.auth === 'right' && plan.bends.length === 0 && status < 429)
      this.#usedNonces.set(header('X-Client-Key') ?? '', nonce);
    if (status === 200) {
      for (const [, id] of text.matchAll(/"data":\{"id":(\d+),"app_id"/g)) this.#keep('verification_id', id);
      if (plan.operationId === 'verifyCoupon' && this.#isFirstDriver(made)) {
        this.#keep('known_token', /"verify_token":"([A-Za-z0-9-]+)"/.exec(text)?.[1]);
      }
      for (const [, token] of text.matchAll(/"verify_token":"([A-Za-z0-9-]+)"/g))
        this.#keep('verify_token', token);
      for (const [, cursor] of text.matchAll(/"next_cursor":"([^"]+)"/g)) this.#keep('cursor', cursor);
      if (plan.operationId === 'listAppSecrets') {
        for (const [, id] of text.matchAll(/"id":(\d+)/g)) this.#keep('secret_id', id);
      }
      if (plan.operationId === 'prepareCoupon') this.#learnPrepared(text);
    }
  }

  #isFirstDriver(made: MadeRequest): boolean {
    const clientKey = this.#drivers[0]?.clientKey ?? '';
    return made.wire.headers.some(([name, value]) => name === 'X-Client-Key' && value === clientKey);
  }

  /** Puts a new app in the place of those that can no longer sign. */
  async renewDrivers(): Promise<void> {
    this.#drivers = await Promise.all([0, 1, 2].map(() => this.#newDriver()));
    this.#lists.known_token.length = 0;
  }

  #newDriver(): Promise<Credentials> {
    return createClientApp(this.#url, { allow_token_read: true });
  }

  #learnPrepared(text: string): void {
    const verifyToken = /"verify_token":\s*"([^"]+)"/.exec(text)?.[1];
    const encryptedCode = /"encrypted_code":\s*"([^"]+)"/.exec(text)?.[1];
    if (verifyToken && encryptedCode) this.#prepared.push({ encryptedCode, verifyToken });
    if (this.#prepared.length > MAX_KEPT) this.#prepared.shift();
  }

  #keep(kind: Kind, value: string | undefined): void {
    const list = this.#lists[kind];
    if (value !== undefined && list.length < MAX_KEPT) list.push(value);
  }

  #resolveTogether(plan: Plan): Plan {
    const pairNumber = this.#prepared.length > 0 ? this.#prepared.pop() : undefined;
    const isPair =
      plan.body !== null &&
      'json' in plan.body &&
      isPlaceholder((plan.body.json as Record<string, unknown> | null)?.['encrypted_code']);
    if (!isPair && pairNumber) this.#prepared.push(pairNumber);
    const replace = (value: unknown): unknown => {
      if (isPlaceholder(value)) {
        if (isPair && pairNumber && value.placeholder === 'encrypted_code') return pairNumber.encryptedCode;
        if (isPair && pairNumber && value.placeholder === 'verify_token') return pairNumber.verifyToken;
        return this.#value(value);
      }
      if (Array.isArray(value)) return value.map(replace);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, replace(member)]));
    };
    return {
      ...plan,
      params: replace(plan.params) as Plan['params'],
      // Before any was given out there is no cursor to send.
      query: plan.query
        .filter(([, value]) => !isPlaceholder(value) || this.#lists[value.placeholder].length > 0)
        .map(([name, value]) => [name, replace(value)] as const),
      body: plan.body && 'json' in plan.body ? { json: replace(plan.body.json) } : plan.body,
    };
  }

  /** Most coupons and tokens are new; some were seen before, for repeats and conflicts. */
  #value({ placeholder, number }: Placeholder): string {
    if (placeholder === 'new_text') return `fuzz-${number}-${randomBytes(4).toString('hex')}`;
    const list = this.#lists[placeholder];
    if (placeholder === 'verify_token' && (number % 4 !== 0 || list.length === 0))
      return `fuzz-${randomBytes(8).toString('hex')}`;
    if ((placeholder === 'short_link' || placeholder === 'code') && number % 4 !== 0) {
      this.#fresh += 1;
      return list[this.#fresh % list.length] ?? '';
    }
    return list[number % Math.max(1, list.length)] ?? String(number);
  }

  #authentication(plan: Plan, target: string, body: Buffer): readonly (readonly [string, string])[] {
    const isOpen = plan.path.startsWith('/v1/open/') !== (plan.auth === 'other_surface');
    if (plan.auth === 'none') return [];
    if (!isOpen) return plan.path.startsWith('/v1/') ? internalHeaders(plan.auth) : [];
    const isOwn = plan.operationId === 'findVerification' || target.length % 2 === 0;
    const driver = this.#drivers[isOwn ? 0 : body.length % this.#drivers.length] as Credentials;
    const parts = {
      clientKey: plan.auth === 'unknown_key' ? 'ck_unknown' : driver.clientKey,
      timestamp: timestampOf(plan.auth),
      nonce:
        plan.auth === 'bad_nonce'
          ? 'no nonce'
          : plan.auth === 'old_nonce'
            ? (this.#usedNonces.get(driver.clientKey) ?? 'x')
            : randomBytes(12).toString('hex'),
      method: plan.method,
      requestTarget: target,
      body,
    };
    const secret = plan.auth === 'wrong_secret' ? 'x'.repeat(40) : driver.secret;
    const headers: [string, string][] = [
      ['X-Client-Key', parts.clientKey],
      ['X-Timestamp', parts.timestamp],
      ['X-Nonce', parts.nonce],
      ['X-Signature', signatureOf(secret, stringToSign(parts))],
    ];
    if (plan.auth === 'missing_header') return headers.toSpliced(target.length % 4, 1);
    if (plan.auth === 'repeated_header') return [...headers, headers[target.length % 4] as [string, string]];
    return headers;
  }
}

function internalHeaders(auth: AuthKind): readonly (readonly [string, string])[] {
  switch (auth) {
    case 'missing_header':
      return [];
    case 'repeated_header':
      return [['X-XTJ-UID', 'fuzzer'], ['X-XTJ-UID', 'fuzzer']]; // prettier-ignore
    case 'unknown_key':
    case 'wrong_secret':
    case 'bad_nonce':
    case 'bad_timestamp':
    case 'stale':
    case 'old_nonce':
      return [['X-XTJ-UID', 'not a uid!']];
    default:
      return [['X-XTJ-UID', 'fuzzer']];
  }
}

function timestampOf(auth: AuthKind): string {
  const now = Math.floor(Date.now() / 1000);
  if (auth === 'stale') return String(now - 400);
  return auth === 'bad_timestamp' ? '1e9' : String(now);
}

function isPlaceholder(value: unknown): value is Placeholder {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'placeholder');
}

/** Values of this request that no error may repeat. Short ones occur by chance. */
function couponValues(plan: Plan): readonly string[] {
  if (!plan.body || !('json' in plan.body) || typeof plan.body.json !== 'object' || plan.body.json === null)
    return [];
  const {
    code,
    encrypted_code: encryptedCode,
    short_link: shortLink,
    secret,
  } = plan.body.json as Record<string, unknown>;
  const isCreateApp = plan.operationId === 'createApp';
  return [isCreateApp ? null : code, encryptedCode, shortLink, secret].filter(
    (value): value is string => typeof value === 'string' && value.trim().length >= 10,
  );
}

function encodePart(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return encodeURIComponent(text.toWellFormed());
}

/** A request line holds visible characters; what else was asked for is escaped. */
function visible(target: string): string {
  return target.replaceAll(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character.toWellFormed()));
}

/** JSON with lone surrogates kept as escapes, as a careless client writes it. */
function toJson(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}
