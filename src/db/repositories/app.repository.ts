// Apps and their sealed secrets.
import type { EntityManager } from '@mikro-orm/postgresql';
import type { VerifierApp } from '../../domain/verifier-app.ts';
import { AppEntity, AppSecretEntity } from '../entities/app.entity.ts';
import { rowsOf } from '../statement.ts';

export interface NewApp {
  readonly name: string;
  readonly code: string;
  readonly description: string;
  readonly clientKey: string;
  readonly status: VerifierApp['status'];
  readonly allowTokenRead: boolean;
  readonly poiIds: readonly string[];
}

/** `last_used_at` is written at most this often, so that the till does not wait for it. */
const LAST_USED_RESOLUTION = '1 minute';

export class AppRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** The app with its live sealed secrets, in one statement; null for an unknown key. */
  async findAppWithSecrets(
    clientKey: string,
  ): Promise<{ readonly app: VerifierApp; readonly sealedSecrets: readonly string[] } | null> {
    const rows = await rowsOf(
      this.#em,
      `select apps.*, array(
         select sealed_secret from app_secrets where app_id = apps.id and ended_at is null order by id desc
       ) as sealed_secrets
       from apps where client_key = ?`,
      [clientKey],
    );
    const row = rows[0];
    if (!row) return null;
    const { sealed_secrets: sealedSecrets, ...columns } = row;
    return { app: this.#em.map(AppEntity, columns) as VerifierApp, sealedSecrets: sealedSecrets as string[] };
  }

  async findAppById(id: number): Promise<VerifierApp | null> {
    return (await this.#em.findOne(AppEntity, { id })) as VerifierApp | null;
  }

  async findAppByCode(code: string): Promise<VerifierApp | null> {
    return (await this.#em.findOne(AppEntity, { code })) as VerifierApp | null;
  }

  /** Newest first, with the exact number of all. */
  async listApps(
    limit: number,
    offset: number,
  ): Promise<{ readonly apps: readonly VerifierApp[]; readonly total: number }> {
    const [apps, total] = await this.#em.findAndCount(
      AppEntity,
      {},
      { orderBy: { id: 'desc' }, limit, offset },
    );
    return { apps: apps as VerifierApp[], total };
  }

  /** Remembers that the app was used, without waiting for other writers. */
  async touchLastUsed(id: number, now: Date): Promise<void> {
    await rowsOf(
      this.#em,
      `update apps set last_used_at = ? where id = ?
         and (last_used_at is null or last_used_at < ?::timestamptz - interval '${LAST_USED_RESOLUTION}')`,
      [now, id, now],
    );
  }

  /** @throws a violation of apps__code or apps__client_key */
  async insertApp(app: NewApp): Promise<VerifierApp> {
    const now = new Date();
    const id = await this.#em.insert(AppEntity, {
      ...app,
      poiIds: [...app.poiIds],
      createdAt: now,
      updatedAt: now,
    });
    return (await this.#em.findOneOrFail(AppEntity, { id })) as VerifierApp;
  }

  /** @returns the secret's id */
  async insertSecret(appId: number, sealedSecret: string): Promise<number> {
    return this.#em.insert(AppSecretEntity, { appId, sealedSecret, createdAt: new Date() });
  }
}
