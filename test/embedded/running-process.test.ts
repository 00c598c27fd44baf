import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { afterEach, describe, expect, it } from '@jest/globals';

import {
  findProcessesByCommandLine,
  findRunningProcess,
  isRunning,
  stopLeftoverProcess,
} from '../../src/embedded/running-process.ts';

const children: ChildProcess[] = [];

/** A process that says when its signal handling is set up, and whose command line contains `mark`. */
async function startProcess(mark: string, shellCode: string): Promise<number> {
  const child = spawn('/bin/sh', ['-c', `${shellCode}; echo ready; while :; do sleep 0.05; done`, mark]);
  children.push(child);
  await once(child.stdout, 'data');
  return child.pid!;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('findRunningProcess', () => {
  it('tells the command line of this process, and the same start each time', async () => {
    const first = await findRunningProcess(process.pid);
    expect(first?.commandLine).toContain('jest');
    expect((await findRunningProcess(process.pid))?.startedAt).toBe(first?.startedAt);
  });

  it('answers null for a process that has ended', async () => {
    const child = spawn('true');
    await once(child, 'close');
    expect(await findRunningProcess(child.pid!)).toBeNull();
  });
});

describe('findProcessesByCommandLine', () => {
  it('finds those that name the text, and no other', async () => {
    const pid = await startProcess('server-of-folder-a', ':');
    await startProcess('server-of-folder-b', ':');
    const found = await findProcessesByCommandLine('server-of-folder-a');
    expect(found.map((each) => each.pid)).toEqual([pid]);
  });
});

describe('isRunning', () => {
  it('does not take another process for the recorded one because it has its pid', async () => {
    const running = await findRunningProcess(process.pid);
    expect(await isRunning(running!)).toBe(true);
    expect(await isRunning({ pid: process.pid, startedAt: 'another time' })).toBe(false);
  });
});

describe('stopLeftoverProcess', () => {
  it('leaves a process alone that only has the pid', async () => {
    const pid = await startProcess('bystander', ':');
    await stopLeftoverProcess({ pid, startedAt: 'another time' }, [{ signal: 'SIGKILL', waitMs: 1000 }]);
    expect(await findRunningProcess(pid)).not.toBeNull();
  });

  it('goes on to the next signal when the first is ignored', async () => {
    const pid = await startProcess('server-of-folder-c', 'trap "" TERM');
    await stopLeftoverProcess((await findRunningProcess(pid))!, [
      { signal: 'SIGTERM', waitMs: 200 },
      { signal: 'SIGKILL', waitMs: 5000 },
    ]);
    expect(await findRunningProcess(pid)).toBeNull();
  });

  it('says so when the process survives every signal', async () => {
    const pid = await startProcess('server-of-folder-d', 'trap "" TERM');
    const leftover = (await findRunningProcess(pid))!;
    const stopping = stopLeftoverProcess(leftover, [{ signal: 'SIGTERM', waitMs: 100 }]);
    await expect(stopping).rejects.toThrow(`process ${pid}`);
  });
});
