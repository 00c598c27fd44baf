// The signature of one request to /v1/open, each step of it exposed so that a mismatch can be found by comparing.
// Sending the request is client.ts. The rules in words: docs/signing.md; values to check against: clients/signature-vectors.json.

/** First line of every string to sign: names the algorithm and its version. */
export const SIGNATURE_SCHEME = 'DYGW-HMAC-SHA256';

export interface SigningInput {
  readonly clientKey: string;
  readonly secret: string;
  /** Unix time as text, seconds or 13-digit milliseconds, exactly as it will stand in X-Timestamp. */
  readonly timestamp: string;
  /** 8 to 64 of `[A-Za-z0-9_-]`, new for every request that is sent, repeats included. */
  readonly nonce: string;
  readonly method: string;
  /** Path and, if there is one, `?` and the query, exactly as on the request line: never decoded or sorted. */
  readonly requestTarget: string;
  /** The raw body as it will be sent; text is taken as UTF-8, no body is the empty string. */
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** Every value on the way to the signature. */
export interface SigningSteps {
  /** Lower-case hex SHA-256 of the raw body. */
  readonly bodySha256: string;
  /** The seven lines that are signed, joined by LF, without one at the end. */
  readonly stringToSign: string;
  /** Lower-case hex HMAC-SHA256. */
  readonly signature: string;
  /** The four headers to send. */
  readonly headers: {
    readonly 'X-Client-Key': string;
    readonly 'X-Timestamp': string;
    readonly 'X-Nonce': string;
    readonly 'X-Signature': string;
  };
}

/** Signs one request. Pure: the same input gives the same signature. */
export async function signRequest(input: SigningInput): Promise<SigningSteps> {
  const bodyBytes = typeof input.body === 'string' ? new TextEncoder().encode(input.body) : input.body;
  const bodySha256 = toHex(await crypto.subtle.digest('SHA-256', bodyBytes));
  const stringToSign = [
    SIGNATURE_SCHEME,
    input.clientKey,
    input.timestamp,
    input.nonce,
    input.method.toUpperCase(),
    input.requestTarget,
    bodySha256,
  ].join('\n');
  const key = await crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(input.secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const signature = toHex(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(stringToSign)));
  return {
    bodySha256,
    stringToSign,
    signature,
    headers: {
      'X-Client-Key': input.clientKey,
      'X-Timestamp': input.timestamp,
      'X-Nonce': input.nonce,
      'X-Signature': signature,
    },
  };
}

/** A nonce nobody can guess or repeat by chance: 128 random bits. */
export function createNonce(): string {
  return crypto.randomUUID().replaceAll('-', '');
}

function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
