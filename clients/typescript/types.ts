// What goes over the wire, written by hand in the words of the gateway's API. Names are the wire's own (snake_case), so that
// the API's documentation reads the same as code that uses this package.

export type VerificationStatus = 'processing' | 'success' | 'failed';
export type EnrichmentStatus = 'pending' | 'success' | 'stuck' | 'skipped';
export type CouponStatus =
  '' | 'UNUSED' | 'USED' | 'REFUNDING' | 'REFUNDED' | 'EXPIRED' | 'CANCELLED' | 'UNKNOWN';

/** Whose till asked, for reports. */
export interface VerifyExtra {
  /** Up to 64 characters. */
  readonly operator_id?: string;
  /** Up to 64 characters. */
  readonly device_id?: string;
  /** Up to 256 characters. */
  readonly note?: string;
}

interface VerifyCommon {
  readonly poi_id: string;
  readonly extra?: VerifyExtra;
}

/** Exactly one way of naming the coupon. */
export type VerifyRequest =
  | (VerifyCommon & { readonly short_link: string; readonly verify_token?: string })
  | (VerifyCommon & { readonly code: string; readonly verify_token?: string })
  /** The caller prepared it already: `verify_token` is the one that prepare returned. */
  | (VerifyCommon & { readonly encrypted_code: string; readonly verify_token: string });

export type PrepareRequest =
  | { readonly poi_id: string; readonly short_link: string }
  | { readonly poi_id: string; readonly code: string };

/** One verification as the gateway records it. Money is integer fen, times are RFC 3339 UTC, ids of Douyin are text. */
export interface VerificationView {
  readonly id: number;
  readonly app_id: number;
  readonly app_name: string;
  readonly poi_id: string;
  /** `success` and `failed` are final; `processing` is neither: ask again with the same token. */
  readonly verify_status: VerificationStatus;
  readonly error_code: number;
  readonly error_description: string;
  readonly certificate_id: string;
  readonly encrypted_code: string;
  readonly origin_code: string;
  readonly coupon_status: CouponStatus;
  readonly product_id: string;
  readonly product_name: string;
  readonly sku_id: string;
  readonly sku_name: string;
  readonly verify_records_count: number;
  readonly verify_id: string;
  readonly order_id: string;
  readonly source_order_id: string;
  readonly ext_order_id: string;
  readonly order_status: number;
  readonly pay_amount: number;
  readonly receipt_amount: number;
  readonly discount_amount: number;
  /** The amounts and the order's fields are known once this is `success`. */
  readonly enrichment_status: EnrichmentStatus;
  readonly enrichment_retry_count: number;
  /** Douyin's own answer to the verification, or null before there is one. */
  readonly douyin_response: Readonly<Record<string, unknown>> | null;
  readonly expire_time: string | null;
  readonly verify_time: string | null;
  readonly create_order_time: string | null;
  readonly pay_time: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly verify_token: string;
  readonly operator_id: string;
  readonly device_id: string;
  readonly note: string;
  /** What the cashier should do, in the client's language; empty when there is nothing to do. */
  readonly advice: string;
  /** Which coupon of the request, from 1, and how many it has. */
  readonly item_no: number;
  readonly item_count: number;
  /** How its undoing stands; empty if none was asked for. */
  readonly cancel_status: '' | 'processing' | 'cancelled' | 'refused';
  readonly cancelled_at: string | null;
  /** Advice only: Douyin decides. */
  readonly cancellable_until: string | null;
  /** Why the gateway, not Douyin, ended it; empty where Douyin did. `error_code` is -1 then. */
  readonly reason: VerificationReason;
}

export type VerificationReason =
  | ''
  | 'coupon.short_link_invalid'
  | 'coupon.sibling_in_doubt'
  | 'douyin.unavailable'
  | 'douyin.refused_gateway'
  | 'gateway.engine_unavailable'
  | 'gateway.database_unavailable'
  | 'gateway.too_late'
  | 'app.disabled'
  | 'app.poi_not_allowed'
  | 'coupon.none_usable'
  | 'coupon.kind_not_supported'
  | 'verification.coupon_unused'
  | 'verification.coupon_refunded'
  | 'verification.resolved_by_operator';

export interface AccessToken {
  readonly access_token: string;
  readonly expires_at: string;
  /** Seconds it still lives. */
  readonly expires_in: number;
}

export interface StoresQuery {
  readonly poi_id?: string;
  /** From 1. */
  readonly page?: number;
  /** At most 50. */
  readonly page_size?: number;
}

/** An answer of Douyin's that the gateway passes through. */
export interface DouyinAnswer<Body> {
  /** Byte for byte what Douyin sent. */
  readonly raw: string;
  /** The same, parsed; integers too large for a JavaScript number are text, with every digit. */
  readonly body: Body;
}

export interface DouyinExtra {
  readonly error_code?: number | string | null;
  readonly description?: string;
  readonly sub_error_code?: number | string | null;
  readonly sub_description?: string;
  readonly logid?: string;
}

/** Douyin's prepare answer, as far as a till needs it; Douyin may send more. */
export interface PrepareBody {
  readonly data?: {
    readonly error_code?: number | string | null;
    readonly description?: string;
    readonly order_id?: string;
    /** Goes into the one `encrypted_code` verification that belongs to this prepare. */
    readonly verify_token?: string;
    readonly certificates?: readonly PreparedCertificate[];
  };
  readonly extra?: DouyinExtra;
}

export interface PreparedCertificate {
  readonly encrypted_code: string;
  readonly certificate_id?: number | string;
  /** Unix seconds. */
  readonly expire_time?: number | string;
  readonly sku?: { readonly sku_id?: string; readonly title?: string };
  /** Fen. */
  readonly amount?: { readonly original_amount?: number | string; readonly pay_amount?: number | string };
}

/** Douyin's store query answer, as far as a till needs it. */
export interface StoresBody {
  readonly data?: {
    readonly error_code?: number | string | null;
    readonly description?: string;
    readonly total?: number;
    readonly pois?: readonly {
      readonly poi?: { readonly poi_id?: string; readonly poi_name?: string; readonly address?: string };
    }[];
  };
  readonly extra?: DouyinExtra;
}
