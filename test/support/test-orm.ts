// A migrated database of a test file's own, opened as the gateway opens it.
import { openOrm } from '../../src/db/mikro-orm.config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase } from './test-database.ts';

const SILENT = createLogger({ level: 'silent', format: 'json', process: 'test' });
const POOL_SIZE = 4;

async function migrate(url: string): Promise<void> {
  const orm = await openOrm({ url, poolSize: 1, logger: SILENT });
  await orm.migrator.up();
  await orm.close();
}

/** Call it in `beforeAll`, and `close()` in `afterAll`. */
export async function openTestOrm() {
  const database = await createTestDatabase({ migrate });
  const orm = await openOrm({ url: database.url, poolSize: POOL_SIZE, logger: SILENT });
  return {
    orm,
    url: database.url,
    async close() {
      await orm.close();
      await database.drop();
    },
  };
}
