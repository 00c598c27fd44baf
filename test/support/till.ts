// A point of sale in a test: calls the gateway over HTTP through the published client, and keeps every value that has
// passed through it which nobody may find in a log or a history.
import { DyGatewayClient, type VerificationView } from '../../clients/typescript/index.ts';
import type { Credentials } from './http-gateway.ts';
import type { SimulatedOrder } from './simulator-control.ts';
import type { StartedGateway } from './started-gateway.ts';

export interface TillOptions extends Credentials {
  readonly url: string;
  readonly poiId: string;
}

export class Till {
  readonly client: DyGatewayClient;
  readonly poiId: string;
  readonly #secrets = new Map<string, string>();

  constructor(options: TillOptions) {
    this.poiId = options.poiId;
    this.keepSecret('app secret', options.secret);
    this.client = new DyGatewayClient({
      baseUrl: options.url,
      clientKey: options.clientKey,
      secret: options.secret,
      fetch: (input, init) => {
        this.keepSecret('signature', new Headers(init?.headers).get('X-Signature') ?? '');
        return fetch(input, init);
      },
    });
  }

  /** What must not be seen, by value, with the word for it. */
  get secrets(): ReadonlyMap<string, string> {
    return this.#secrets;
  }

  keepSecret(what: string, value: string): void {
    if (value !== '') this.#secrets.set(value, what);
  }

  keepSecretsOf(orders: readonly SimulatedOrder[]): void {
    for (const order of orders) {
      this.keepSecret('short link id', order.short_link_id);
      this.keepSecret('encrypted data', order.encrypted_data);
      for (const coupon of order.coupons) {
        this.keepSecret('coupon code', coupon.code);
        this.keepSecret('encrypted code', coupon.encrypted_code);
      }
    }
  }

  /** Redeems the order's first coupon in one of the three modes; `encrypted_code` prepares through the gateway first. */
  async redeem(
    order: SimulatedOrder,
    mode: 'short_link' | 'code' | 'encrypted_code',
    verifyToken?: string,
  ): Promise<VerificationView> {
    this.keepSecretsOf([order]);
    const view = await this.#redeem(order, mode, verifyToken);
    this.keepSecret('verify token', view.verify_token);
    return view;
  }

  async #redeem(
    order: SimulatedOrder,
    mode: 'short_link' | 'code' | 'encrypted_code',
    verifyToken: string | undefined,
  ): Promise<VerificationView> {
    const common = {
      poi_id: this.poiId,
      ...(verifyToken === undefined ? {} : { verify_token: verifyToken }),
    };
    switch (mode) {
      case 'short_link':
        return this.client.verify({ ...common, short_link: order.short_link });
      case 'code':
        return this.client.verify({ ...common, code: firstCoupon(order).code });
      case 'encrypted_code': {
        const { body } = await this.client.prepare({ poi_id: this.poiId, code: firstCoupon(order).code });
        return this.client.verify({
          poi_id: this.poiId,
          encrypted_code: body.data?.certificates?.[0]?.encrypted_code ?? '',
          verify_token: body.data?.verify_token ?? '',
        });
      }
    }
  }
}

/** A till of the demo app, in the demo store. */
export function tillOf(gateway: StartedGateway): Till {
  const { client_key: clientKey, secret, poi_id: poiId } = gateway.demo;
  return new Till({ url: gateway.url, clientKey, secret, poiId });
}

function firstCoupon(order: SimulatedOrder) {
  const [coupon] = order.coupons;
  if (!coupon) throw new Error('The order has no coupon');
  return coupon;
}

/** The values of `secrets` that the text contains, by their word; the values themselves are not for messages. */
export function foundSecrets(text: string, secrets: ReadonlyMap<string, string>): readonly string[] {
  return [...secrets].flatMap(([value, what]) => (text.includes(value) ? [what] : []));
}
