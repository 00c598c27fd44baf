import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabaseTokenStore } from '../../src/db/database-token-store.ts';
import { createSecretBox } from '../../src/secret-box.ts';
import { describeTokenStore } from '../contracts/token-store.ts';
import { openTestOrm } from '../support/test-orm.ts';

let database: Awaited<ReturnType<typeof openTestOrm>>;
beforeAll(async () => {
  database = await openTestOrm();
}, 60_000);
afterAll(() => database.close());

const box = createSecretBox([randomBytes(32).toString('base64')]);

describeTokenStore('the table access_tokens', () => {
  const clientKey = randomBytes(6).toString('hex');
  const open = () => createDatabaseTokenStore(database.orm, box, clientKey);
  return Promise.resolve({
    stores: [open(), open()] as const,
    elapse: async (durationMs: number) => {
      await database.orm.em
        .fork()
        .execute(`update access_tokens set lease_until = lease_until - ? * interval '1 millisecond'`, [
          durationMs,
        ]);
    },
    close: () => Promise.resolve(),
  });
});

describe('the table access_tokens', () => {
  it('holds no token in plain text', async () => {
    const store = createDatabaseTokenStore(database.orm, box, 'sealed');
    await store.acquireLease({ generation: 0, owner: 'me', leaseMs: 1000 });
    const now = new Date();
    await store.store({
      owner: 'me',
      generation: 1,
      token: 'clt.plain-token',
      obtainedAt: now,
      expiresAt: now,
    });
    const rows = await database.orm.em.fork().execute('select * from access_tokens');
    expect(rows).not.toHaveLength(0);
    expect(JSON.stringify(rows)).not.toContain('plain-token');
  });
});
