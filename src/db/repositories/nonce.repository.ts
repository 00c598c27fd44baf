// Nonces of signed requests. The hot path claims its nonce together with its row: see verification.repository.ts.
import type { EntityManager } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';

/** A nonce of a correctly signed request, and when its timestamp leaves the window. */
export interface NonceClaim {
  readonly clientKey: string;
  readonly nonce: string;
  readonly expiresAt: Date;
}

/**
 * Claims a nonce, also one whose earlier use has left the window; answers a row if it was free. A signed request cannot
 * be replayed whatever the clocks of the processes say: its nonce is free again only when its own window is over, and
 * then it is claimed no more, both by the database's clock.
 * @param now the database's time as SQL
 */
export function claimNonce(
  { clientKey, nonce, expiresAt }: NonceClaim,
  now: RawBuilder<Date>,
): RawBuilder<unknown> {
  return sql`insert into request_nonces as held (client_key, nonce, expires_at)
    select ${clientKey}::text, ${nonce}::text, ${expiresAt}::timestamptz
    where ${expiresAt}::timestamptz >= ${now}
    on conflict (client_key, nonce) do update set expires_at = excluded.expires_at where held.expires_at < ${now}
    returning 1`;
}

export class NonceRepository {
  readonly #em: EntityManager;
  readonly #now: () => RawBuilder<Date>;

  /** @param now the database's time, asked for each statement; tests turn it */
  constructor(em: EntityManager, now: () => RawBuilder<Date>) {
    this.#em = em;
    this.#now = now;
  }

  /** @returns false if the nonce was used before, or if its window is over */
  async claim(claim: NonceClaim): Promise<boolean> {
    const { rows } = await claimNonce(claim, this.#now()).execute(this.#em.getKysely());
    return rows.length > 0;
  }

  /** Deletes at most `limit` nonces that left the window; @returns how many */
  async deleteExpired(limit: number): Promise<number> {
    const { rows } = await sql`delete from request_nonces where ctid in
      (select ctid from request_nonces where expires_at < ${this.#now()} - interval '1 minute' limit ${limit}) returning 1`.execute(
      this.#em.getKysely(),
    );
    return rows.length;
  }
}
