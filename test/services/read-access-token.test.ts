import { describe, expect, it } from '@jest/globals';
import type { NewAuditEntry } from '../../src/db/repositories/audit-log.repository.ts';
import type { Database } from '../../src/db/unit-of-work.ts';
import type { VerifierApp } from '../../src/domain/verifier-app.ts';
import { readAccessToken, type ReadAccessTokenDeps } from '../../src/services/read-access-token.ts';

const NOW = new Date('2026-03-11T10:00:00Z');
const EXPIRES_AT = new Date('2026-03-11T12:00:00Z');
const READER = { id: 7, code: 'reader', allowTokenRead: true } as VerifierApp;

function depsThatAudit(insertEntry: (entry: NewAuditEntry) => Promise<void>): ReadAccessTokenDeps {
  const repositories = { auditLog: { insertEntry } };
  return {
    db: { run: (work: (given: typeof repositories) => unknown) => work(repositories) } as unknown as Database,
    accessTokens: {
      current: () => Promise.resolve({ token: 'clt.current', expiresAt: EXPIRES_AT, generation: 12 }),
    },
    clock: { now: () => NOW },
  };
}

describe('readAccessToken', () => {
  it('says in the audit log who was told which token', async () => {
    const entries: NewAuditEntry[] = [];
    const deps = depsThatAudit((entry) => Promise.resolve(void entries.push(entry)));
    const told = await readAccessToken(deps, READER, 'request-1');
    expect(told).toEqual({ accessToken: 'clt.current', expiresAt: EXPIRES_AT, expiresIn: 7200 });
    expect(entries).toEqual([
      {
        actor: 'app:reader',
        action: 'access_token.read',
        targetType: 'access_token',
        targetId: '12',
        before: null,
        after: { app_id: 7, expires_at: '2026-03-11T12:00:00.000Z' },
        requestId: 'request-1',
      },
    ]);
  });

  it('tells the token only after its audit entry is stored', async () => {
    const stored = Promise.withResolvers<void>();
    const happened: string[] = [];
    const reading = readAccessToken(
      depsThatAudit(() => stored.promise.then(() => void happened.push('stored'))),
      READER,
      'request-1',
    ).then(() => happened.push('told'));
    // Whatever does not wait for the entry is through after this.
    await new Promise(setImmediate);
    expect(happened).toEqual([]);
    stored.resolve();
    await reading;
    expect(happened).toEqual(['stored', 'told']);
  });

  it('tells nothing when its audit entry cannot be stored', async () => {
    const deps = depsThatAudit(() => Promise.reject(new Error('the audit log is full')));
    await expect(readAccessToken(deps, READER, 'request-1')).rejects.toThrow('the audit log is full');
  });

  it('does not even ask for a token for an app without the right', async () => {
    const entries: NewAuditEntry[] = [];
    const deps = depsThatAudit((entry) => Promise.resolve(void entries.push(entry)));
    await expect(readAccessToken(deps, { ...READER, allowTokenRead: false }, 'request-1')).rejects.toThrow(
      expect.objectContaining({ code: 'app.token_read_not_allowed' }),
    );
    expect(entries).toEqual([]);
  });
});
