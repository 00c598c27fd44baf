// Apps and their sealed secrets.
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { AppSecret, VerifierApp } from '../../domain/verifier-app.ts';
import { AppEntity, AppSecretEntity } from '../entities/app.entity.ts';
import { queryRows } from '../rows.ts';

export interface NewApp {
  readonly name: string;
  readonly code: string;
  readonly description: string;
  readonly clientKey: string;
  readonly status: VerifierApp['status'];
  readonly allowTokenRead: boolean;
  readonly poiIds: readonly string[];
}

export type AppChanges = Partial<
  Pick<VerifierApp, 'name' | 'description' | 'status' | 'allowTokenRead' | 'poiIds'>
>;

/** `last_used_at` is written at most this often, so that the till does not wait for it. */
const LAST_USED_RESOLUTION = sql`interval '1 minute'`;

export class AppRepository {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** The app with its live sealed secrets, null for an unknown key, and the database's time; in one statement. */
  async findAppWithSecrets(clientKey: string): Promise<{
    readonly asOf: Date;
    readonly found: { readonly app: VerifierApp; readonly sealedSecrets: readonly string[] } | null;
  }> {
    const rows = await queryRows(
      this.#em,
      sql`
        select now() as as_of, apps.*, array(
          select sealed_secret from app_secrets where app_id = apps.id and ended_at is null order by id desc
        ) as sealed_secrets
        from (select 1) as one left join apps on client_key = ${clientKey}`,
    );
    const { as_of: asOf, sealed_secrets: sealedSecrets, ...columns } = rows[0] ?? {};
    const found =
      columns['id'] === null
        ? null
        : { app: this.#em.map(AppEntity, columns) as VerifierApp, sealedSecrets: sealedSecrets as string[] };
    return { asOf: new Date(asOf as Date | string), found };
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
    await queryRows(
      this.#em,
      sql`
        update apps set last_used_at = ${now} where id = ${id}
          and (last_used_at is null or last_used_at < ${now}::timestamptz - ${LAST_USED_RESOLUTION})`,
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
    // The driver answers the new bigint as text.
    return Number(await this.#em.insert(AppSecretEntity, { appId, sealedSecret, createdAt: new Date() }));
  }

  /** The app, kept from being changed by others until the transaction ends. Rows that refer to it can still be made. */
  async findAppForUpdate(id: number): Promise<VerifierApp | null> {
    const rows = await queryRows(this.#em, sql`select * from apps where id = ${id} for no key update`);
    // A copy: the entity itself changes with the update that follows.
    return rows[0] ? ({ ...this.#em.map(AppEntity, rows[0]) } as VerifierApp) : null;
  }

  /** @returns the app as it is now */
  async updateApp(id: number, changes: AppChanges): Promise<VerifierApp> {
    const { poiIds, ...others } = changes;
    await this.#em.nativeUpdate(
      AppEntity,
      { id },
      { ...others, ...(poiIds ? { poiIds: [...poiIds] } : {}), updatedAt: new Date() },
    );
    return (await this.#em.findOneOrFail(AppEntity, { id }, { refresh: true })) as VerifierApp;
  }

  /** All secrets of the app, ended ones too, newest first; without their values. */
  async listSecrets(appId: number, limit: number): Promise<readonly AppSecret[]> {
    const rows = await queryRows(
      this.#em,
      sql`
        select id, app_id, created_at, ended_at from app_secrets
        where app_id = ${appId} order by id desc limit ${limit}`,
    );
    return rows.map((row) => this.#mapSecret(row));
  }

  async countLiveSecrets(appId: number): Promise<number> {
    const rows = await queryRows(
      this.#em,
      sql`select count(*) as live from app_secrets where app_id = ${appId} and ended_at is null`,
    );
    return Number(rows[0]?.['live']);
  }

  /** @returns the ended secret, or null if the app has no such live secret */
  async endSecret(appId: number, secretId: number, now: Date): Promise<AppSecret | null> {
    const rows = await queryRows(
      this.#em,
      sql`
        update app_secrets set ended_at = ${now} where id = ${secretId} and app_id = ${appId} and ended_at is null
        returning id, app_id, created_at, ended_at`,
    );
    return rows[0] ? this.#mapSecret(rows[0]) : null;
  }

  #mapSecret(row: Record<string, unknown>): AppSecret {
    const { id, appId, createdAt, endedAt } = this.#em.map(AppSecretEntity, row);
    return { id, appId, createdAt: createdAt, endedAt: endedAt ?? null };
  }
}
