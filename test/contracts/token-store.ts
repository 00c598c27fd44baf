// What every TokenStore guarantees. Each implementation's test calls this with its own factory.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TokenStore } from '../../src/ports/token-store.ts';

export interface TokenStoreFixture {
  /** Two stores on the same row, as two processes have them; the row is empty. */
  readonly stores: readonly [TokenStore, TokenStore];
  /** Lets time pass for the lease: its end moves so much nearer. */
  elapse(durationMs: number): Promise<void>;
  close(): Promise<void>;
}

const LEASE_MS = 60_000;

export function describeTokenStore(name: string, open: () => Promise<TokenStoreFixture>): void {
  describe(`${name} as a TokenStore`, () => {
    let fixture: TokenStoreFixture;
    let here: TokenStore;
    let there: TokenStore;

    beforeEach(async () => {
      fixture = await open();
      [here, there] = fixture.stores;
    });
    afterEach(() => fixture.close());

    const lease = (store: TokenStore, owner: string, generation: number) =>
      store.acquireLease({ generation, owner, leaseMs: LEASE_MS });
    const successor = (owner: string, generation: number) => ({
      owner,
      generation,
      token: `clt.${generation}/+=~${owner}`,
      obtainedAt: new Date('2026-03-15T10:00:00.123Z'),
      expiresAt: new Date('2026-03-15T12:00:00.123Z'),
    });

    it('has no token at first', async () => {
      expect(await here.read()).toBeNull();
    });

    it('has no token while the first one is being fetched', async () => {
      await lease(here, 'a', 0);
      expect(await there.read()).toBeNull();
    });

    it('gives back what was stored, to every process', async () => {
      await lease(here, 'a', 0);
      expect(await here.store(successor('a', 1))).toBe(true);
      const { owner: _owner, ...expected } = successor('a', 1);
      expect(await here.read()).toEqual(expected);
      expect(await there.read()).toEqual(expected);
    });

    it('gives the lease to one of many who ask at once', async () => {
      const owners = Array.from({ length: 20 }, (_, index) => `owner-${index}`);
      const taken = await Promise.all(
        owners.map((owner, index) => lease(index % 2 ? here : there, owner, 0)),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
    });

    it('refuses the lease while another holds it, for the first token and for a later one', async () => {
      expect(await lease(here, 'a', 0)).toBe(true);
      expect(await lease(there, 'b', 0)).toBe(false);
      await here.store(successor('a', 1));
      expect(await lease(here, 'a', 1)).toBe(true);
      expect(await lease(there, 'b', 1)).toBe(false);
    });

    it('refuses the lease for a generation that has a successor already', async () => {
      await lease(here, 'a', 0);
      await here.store(successor('a', 1));
      expect(await lease(there, 'b', 0)).toBe(false);
      expect(await lease(there, 'b', 1)).toBe(true);
    });

    it('ends the lease with storing', async () => {
      await lease(here, 'a', 0);
      await here.store(successor('a', 1));
      expect(await lease(there, 'b', 1)).toBe(true);
    });

    it('ends the lease when its holder releases it, and only then', async () => {
      await lease(here, 'a', 0);
      await there.releaseLease('b');
      expect(await lease(there, 'b', 0)).toBe(false);
      await here.releaseLease('a');
      expect(await lease(there, 'b', 0)).toBe(true);
    });

    it('ends the lease of a holder that died', async () => {
      await lease(here, 'dead', 0);
      await fixture.elapse(LEASE_MS / 2);
      expect(await lease(there, 'b', 0)).toBe(false);
      await fixture.elapse(LEASE_MS / 2 + 1);
      expect(await lease(there, 'b', 0)).toBe(true);
    });

    it('stores nothing for a holder that lost its lease to another', async () => {
      await lease(here, 'slow', 0);
      await fixture.elapse(LEASE_MS + 1);
      await lease(there, 'b', 0);
      expect(await here.store(successor('slow', 1))).toBe(false);
      expect(await there.read()).toBeNull();
      expect(await there.store(successor('b', 1))).toBe(true);
      expect(await here.store(successor('slow', 1))).toBe(false);
      expect((await here.read())?.token).toBe(successor('b', 1).token);
    });

    it('stores no token that is not newer than the one there is', async () => {
      await lease(here, 'a', 0);
      await here.store(successor('a', 5));
      await lease(there, 'b', 5);
      expect(await there.store(successor('b', 4))).toBe(false);
      expect(await there.store(successor('b', 5))).toBe(false);
      expect((await here.read())?.token).toBe(successor('a', 5).token);
      expect(await there.store(successor('b', 6))).toBe(true);
    });

    it('stores nothing for somebody who never had the lease', async () => {
      expect(await here.store(successor('a', 1))).toBe(false);
      expect(await here.read()).toBeNull();
    });
  });
}
