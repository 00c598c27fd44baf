// Nonces of signed requests. The hot path claims its nonce together with its row: see verification.repository.ts.
import type { EntityManager } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';

/** A nonce of a correctly signed request, and when its timestamp leaves the window. */
export interface NonceClaim {
  readonly clientKey: string;
  readonly nonce: string;
  readonly expiresAt: Date;
}

/** Claims a nonce, also one whose earlier use has left the window; answers a row if it was free. */
export function claimNonce({ clientKey, nonce, expiresAt }: NonceClaim): RawBuilder<unknown> {
  return sql`insert into request_nonces as held (client_key, nonce, expires_at)
    values (${clientKey}, ${nonce}, ${expiresAt}::timestamptz)
    on conflict (client_key, nonce) do update set expires_at = excluded.expires_at where held.expires_at < now()
    returning 1`;
}

export class NonceRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** @returns false if the nonce was used before */
  async claim(claim: NonceClaim): Promise<boolean> {
    const { rows } = await claimNonce(claim).execute(this.#em.getKysely());
    return rows.length > 0;
  }

  /** Deletes at most `limit` nonces that left the window; @returns how many */
  async deleteExpired(limit: number): Promise<number> {
    const { rows } = await sql`delete from request_nonces where ctid in
      (select ctid from request_nonces where expires_at < now() - interval '1 minute' limit ${limit}) returning 1`.execute(
      this.#em.getKysely(),
    );
    return rows.length;
  }
}
