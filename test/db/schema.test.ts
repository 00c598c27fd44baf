import { TEST_POLICY } from '../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase } from '../../src/db/unit-of-work.ts';
import { openTestOrm } from '../support/test-orm.ts';

let database: Awaited<ReturnType<typeof openTestOrm>>;
beforeAll(async () => {
  database = await openTestOrm();
}, 60_000);
afterAll(() => database.close());

async function columnsOf(table: string): Promise<Record<string, boolean>> {
  const rows = await database.orm.em
    .fork()
    .execute<{ column_name: string; is_nullable: string }[]>(
      'select column_name, is_nullable from information_schema.columns where table_name = ? order by column_name',
      [table],
    );
  return Object.fromEntries(rows.map((row) => [row.column_name, row.is_nullable === 'YES']));
}

describe('the migrated schema', () => {
  it('has exactly the columns of the entities, nullable alike', async () => {
    const entities = [...database.orm.getMetadata().getAll().values()].filter((entity) => entity.tableName);
    expect(entities.length).toBeGreaterThan(5);
    for (const entity of entities) {
      const expected = Object.fromEntries(
        Object.values(entity.properties)
          .map((property) => [property.fieldNames[0]!, property.nullable === true] as const)
          .toSorted(([left], [right]) => (left < right ? -1 : 1)),
      );
      expect({ table: entity.tableName, columns: await columnsOf(entity.tableName) }).toEqual({
        table: entity.tableName,
        columns: expected,
      });
    }
  });

  it('has no migration pending', async () => {
    expect(await database.orm.migrator.getPending()).toEqual([]);
  });

  describe('keeps impossible verifications out, whoever writes them', () => {
    const insert = (columns: Record<string, unknown>) => {
      const all: Record<string, unknown> = {
        app_id: 1,
        app_name: '',
        app_code: '',
        poi_id: '1',
        mode: 'code',
        request_value: 'x',
        verify_token: Math.random().toString(),
        round_started_at: new Date(),
        ...columns,
      };
      const names = Object.keys(all);
      return database.orm.em
        .fork()
        .execute(
          `insert into verifications (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
          Object.values(all),
        );
    };
    beforeAll(async () => {
      await createDatabase(database.orm, { policy: TEST_POLICY }).run((repositories) =>
        repositories.apps.insertApp({
          name: 'till',
          code: 'till',
          description: '',
          clientKey: 'ck',
          status: 'active',
          allowTokenRead: false,
          poiIds: [],
        }),
      );
    });

    it('takes a sound one', async () => {
      await expect(insert({})).resolves.toBeDefined();
    });

    it.each([
      ['a success that is not settled', { verify_status: 'success' }, 'verifications__status_fits_step'],
      ['a settled one still processing', { step: 'settled' }, 'verifications__status_fits_step'],
      [
        'a not-attempted one that was sent',
        { step: 'not_attempted', verify_status: 'failed', send_count: 1, open_send_count: 1 },
        'verifications__status_fits_step',
      ],
      ['a sent one without a count', { step: 'sent' }, 'verifications__sent_is_counted'],
      ['more open sends than sends', { open_send_count: 2, send_count: 1 }, 'verifications__counts'],
      ['negative money', { pay_amount: -1 }, 'verifications__money'],
      ['an unknown status', { verify_status: 'maybe' }, 'verifications__'],
      ['an unknown enrichment', { enrichment_status: 'maybe' }, 'verifications__enrichment_status'],
      ['an app that does not exist', { app_id: 999 }, 'verifications_app_id_fkey'],
    ])('refuses %s', async (_what, columns, constraint) => {
      await expect(insert(columns)).rejects.toThrow(constraint);
    });

    it('refuses the second row of one app and token, and the second of one redemption', async () => {
      await insert({ verify_token: 'twice' });
      await expect(insert({ verify_token: 'twice' })).rejects.toThrow('verifications__app_id_verify_token');
      await insert({ verify_id: '77', step: 'settled', verify_status: 'success' });
      await expect(insert({ verify_id: '77', step: 'settled', verify_status: 'success' })).rejects.toThrow(
        'verifications__verify_id',
      );
    });
  });
});
