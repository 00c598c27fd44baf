import { TEST_POLICY } from '../support/policy.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type Database } from '../../src/db/unit-of-work.ts';
import { openTestOrm } from '../support/test-orm.ts';

let opened: Awaited<ReturnType<typeof openTestOrm>>;
let db: Database;
beforeAll(async () => {
  opened = await openTestOrm();
  db = createDatabase(opened.orm, { policy: TEST_POLICY });
}, 60_000);
afterAll(() => opened.close());

/** Texts that an array literal of PostgreSQL's means something else by, unless they are quoted. */
const TEXTS = [
  '7182937465123456789', ' ', '  a  ', '\u3000', 'NULL', 'null', '{}', '{a,b}', ',', '"', '""', '\\', '\\"', "'", 'a,b', '券😀', 'x'.repeat(64),
]; // prettier-ignore

const newApp = (code: string, poiIds: readonly string[]) => ({
  name: code,
  code,
  description: '',
  clientKey: `ck_${code}`,
  status: 'active' as const,
  allowTokenRead: false,
  poiIds,
});

describe('an app’s stores', () => {
  it.each([[TEXTS], [[]], ...TEXTS.map((text) => [[text]])])(
    '%j come back as they went in',
    async (texts) => {
      const code = `code-${texts.join('|')}-${texts.length}`;
      const inserted = await db.run(({ apps }) => apps.insertApp(newApp(code, texts)));
      expect(inserted.poiIds).toEqual(texts);
      const authenticated = await db.run(({ apps }) => apps.findAppWithSecrets(`ck_${code}`));
      expect(authenticated.found?.app.poiIds).toEqual(texts);
    },
  );

  it('are changed to exactly what was given', async () => {
    const { id } = await db.run(({ apps }) => apps.insertApp(newApp('changed', ['1'])));
    const changed = await db.run(({ apps }) => apps.updateApp(id, { poiIds: TEXTS }));
    expect(changed.poiIds).toEqual(TEXTS);
    expect((await db.transaction(({ apps }) => apps.findAppForUpdate(id)))?.poiIds).toEqual(TEXTS);
  });
});
