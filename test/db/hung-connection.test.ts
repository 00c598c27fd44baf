import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { openOrm } from '../../src/db/mikro-orm.config.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TcpProxy } from '../torture/full/tcp-proxy.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let orm: MikroORM;
beforeAll(async () => {
  database = await createTestDatabase();
  const url = new URL(database.url);
  const { port } = url;
  proxy = new TcpProxy(() => Number(port));
  await proxy.listen();
  url.host = proxy.address;
  const logger = createLogger({ level: 'silent', format: 'json', process: 'test' });
  orm = await openOrm({ url: url.href, poolSize: 5, logger });
}, 60_000);
afterAll(async () => {
  await orm.close();
  await proxy.close();
  await database.drop();
});

describe('a connection that died without a word', () => {
  const ask = () => orm.em.fork().execute('select 1 as one');

  it('fails the one query that found it, and is not in the pool for the next', async () => {
    await ask();
    proxy.abandon();
    await expect(ask()).rejects.toThrow('Query read timeout');
    const startedAt = performance.now();
    expect(await ask()).toEqual([{ one: 1 }]);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  }, 30_000);
});
