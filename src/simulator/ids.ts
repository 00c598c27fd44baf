// Makes every id the simulator hands out from the seed and the thing's own number, never from the clock or from chance:
// the same orders created in the same sequence get the same ids, whatever else happens in between, and no id repeats.
import { createHash } from 'node:crypto';

/** A fraction in [0, 1) that depends on nothing but the parts. */
export function hashFraction(...parts: (string | number)[]): number {
  return digest(parts).readUInt32BE(0) / 0x1_0000_0000;
}

/** A hex text of the given length (at most 64) that depends on nothing but the parts. */
export function hashHex(length: number, ...parts: (string | number)[]): string {
  return digest(parts).toString('hex').slice(0, length);
}

function digest(parts: (string | number)[]): Buffer {
  return createHash('sha256').update(parts.join('\u0000')).digest();
}

const COUPON_SLOTS_PER_ORDER = 16;
const EFFECT_SLOTS_PER_COUPON = 65_536;
const PLAIN_CODE_RANGE = 90_000_000_000_000n;
// Coprime to the range, so that consecutive coupons get distant codes and none repeats.
const PLAIN_CODE_FACTOR = 61_803_398_874_989n;
const SHORT_LINK_ALPHABET = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export class IdSource {
  readonly seed: string;
  readonly #seedOffset: bigint;

  constructor(seed: string) {
    this.seed = seed;
    this.#seedOffset = BigInt(Math.floor(hashFraction('seed', seed) * 100_000)) * 1_000_000_000_000n;
  }

  orderId(orderIndex: number): string {
    return this.#int64(1_086_000_000_000_000_000n, BigInt(orderIndex), 1_048_576n, 'order');
  }

  /** The part of an order that stands for all its coupons together: no coupon's item. */
  subOrderId(orderIndex: number): string {
    return this.orderItemId(orderIndex, COUPON_SLOTS_PER_ORDER - 1);
  }

  orderItemId(orderIndex: number, couponIndex: number): string {
    return this.#int64(1_286_000_000_000_000_000n, couponOrdinal(orderIndex, couponIndex), 65_536n, 'item');
  }

  certificateId(orderIndex: number, couponIndex: number): string {
    return this.#int64(
      7_300_000_000_000_000_000n,
      couponOrdinal(orderIndex, couponIndex),
      1_048_576n,
      'certificate',
    );
  }

  /** @param effectNumber how many verifications the coupon had before, cancelled ones included */
  verifyId(orderIndex: number, couponIndex: number, effectNumber: number): string {
    const ordinal =
      couponOrdinal(orderIndex, couponIndex) * BigInt(EFFECT_SLOTS_PER_COUPON) + BigInt(effectNumber);
    return this.#int64(7_500_000_000_000_000_000n, ordinal, 4_096n, 'verify');
  }

  /** The plain code a customer can read out: 15 digits. */
  plainCode(orderIndex: number, couponIndex: number): string {
    const start = BigInt(Math.floor(hashFraction('code', this.seed) * Number(PLAIN_CODE_RANGE)));
    const place = (start + couponOrdinal(orderIndex, couponIndex) * PLAIN_CODE_FACTOR) % PLAIN_CODE_RANGE;
    return (100_000_000_000_000n + place).toString();
  }

  encryptedCode(orderIndex: number, couponIndex: number): string {
    const bytes = digest([this.seed, 'encrypted-code', orderIndex, couponIndex]);
    return `CgYIASAHKAES${bytes.toString('base64').slice(0, 20)}/b+${bytes.toString('base64url').slice(20, 32)}aA==`;
  }

  /** The value behind a QR code; it holds every character that careless clients break: + / = - _ */
  encryptedData(orderIndex: number, qrNumber: number): string {
    const bytes = digest([this.seed, 'encrypted-data', orderIndex, qrNumber]);
    return `CgwIARDI+${bytes.toString('base64url').slice(0, 22)}-_/${bytes.toString('base64').slice(22, 43)}+A==`;
  }

  /** The id in a short link, 7 to 11 characters; `collision` counts how often the earlier choice was taken. */
  shortLinkId(orderIndex: number, qrNumber: number, collision: number): string {
    const bytes = digest([this.seed, 'short-link', orderIndex, qrNumber, collision]);
    const length = 7 + ((bytes[31] ?? 0) % 5);
    return Array.from(
      bytes.subarray(0, length),
      (byte) => SHORT_LINK_ALPHABET[byte % SHORT_LINK_ALPHABET.length],
    ).join('');
  }

  /** The name of one verification, as prepare hands it out; shaped like a UUID. */
  verifyToken(orderId: string, prepareNumber: number): string {
    const hex = hashHex(32, this.seed, 'verify-token', orderId, prepareNumber);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `9${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join('-');
  }

  accessToken(tokenNumber: number): string {
    return `clt.${hashHex(40, this.seed, 'access-token', tokenNumber)}`;
  }

  #int64(base: bigint, ordinal: bigint, step: bigint, salt: string): string {
    const jitter =
      BigInt(Math.floor(hashFraction(this.seed, salt, ordinal.toString()) * Number(step - 2n))) + 1n;
    const id = base + this.#seedOffset + ordinal * step + jitter;
    // An id that a double happens to hold exactly would let a client that rounds go unnoticed.
    return (BigInt(Number(id)) === id ? id + 1n : id).toString();
  }
}

function couponOrdinal(orderIndex: number, couponIndex: number): bigint {
  return BigInt(orderIndex) * BigInt(COUPON_SLOTS_PER_ORDER) + BigInt(couponIndex);
}
