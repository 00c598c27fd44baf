// The vectors every implementation of the signature must give: clients/signature-vectors.json.
import { readFileSync } from 'node:fs';

export interface SignatureVector {
  readonly name: string;
  readonly client_key: string;
  readonly secret: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly method: string;
  readonly request_target: string;
  readonly body: string;
  readonly body_sha256: string;
  readonly string_to_sign: string;
  readonly signature: string;
}

export const VECTORS = JSON.parse(
  readFileSync(new URL('../../clients/signature-vectors.json', import.meta.url), 'utf8'),
) as readonly SignatureVector[];
