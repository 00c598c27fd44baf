// The token store port on the table `access_tokens`: sealed at rest, one lease for all processes.
import type { MikroORM } from '@mikro-orm/postgresql';
import { type RawBuilder, sql } from 'kysely';
import type { SecretBox } from '../ports/secret-box.ts';
import type { StoredAccessToken, TokenStore } from '../ports/token-store.ts';
import { toAppError } from './constraint-errors.ts';
import { queryRows } from './rows.ts';

/** @param clientKey Douyin's; tokens of different Douyin apps never mix */
export function createDatabaseTokenStore(orm: MikroORM, box: SecretBox, clientKey: string): TokenStore {
  const purpose = `access-token:${clientKey}`;
  const run = async (statement: RawBuilder<unknown>) => {
    try {
      return await queryRows(orm.em.fork(), statement);
    } catch (err) {
      throw toAppError(err);
    }
  };
  return {
    async read(): Promise<StoredAccessToken | null> {
      const [row] = await run(
        sql`select generation, sealed_token, obtained_at, expires_at from access_tokens
         where client_key = ${clientKey} and sealed_token <> ''`,
      );
      if (!row) return null;
      return {
        token: box.open(row['sealed_token'] as string, purpose),
        obtainedAt: new Date(row['obtained_at'] as string),
        expiresAt: new Date(row['expires_at'] as string),
        generation: Number(row['generation']),
      };
    },

    async acquireLease({ generation, owner, leaseMs }) {
      const rows = await run(
        sql`insert into access_tokens as held (client_key, lease_owner, lease_until)
         values (${clientKey}, ${owner}, now() + ${leaseMs} * interval '1 millisecond')
         on conflict (client_key) do update set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
           where held.generation = ${generation} and (held.lease_until is null or held.lease_until < now())
         returning generation`,
      );
      return rows.length > 0;
    },

    async store({ owner, generation, token, obtainedAt, expiresAt }) {
      const rows = await run(
        sql`update access_tokens
         set generation = ${generation}, sealed_token = ${box.seal(token, purpose)}, obtained_at = ${obtainedAt},
           expires_at = ${expiresAt}, lease_owner = null, lease_until = null
         where client_key = ${clientKey} and lease_owner = ${owner} and generation < ${generation} returning 1`,
      );
      return rows.length > 0;
    },

    async releaseLease(owner) {
      await run(
        sql`update access_tokens set lease_owner = null, lease_until = null
         where client_key = ${clientKey} and lease_owner = ${owner}`,
      );
    },
  };
}
