import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';

import {
  findListeningPorts,
  findProcessesByArguments,
  findRunningProcess,
  isRunning,
  stopLeftoverProcess,
} from '../../src/embedded/running-process.ts';

const children: ChildProcess[] = [];

/** A process that says when its signal handling is set up, named `mark` in its command line. */
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

describe('findProcessesByArguments', () => {
  it('finds those that were started with these arguments, each of them whole, and no other', async () => {
    const folder = '/x/server-of-folder-a';
    const code = 'echo ready; while :; do sleep 0.05; done';
    const start = async (...args: string[]) => {
      const child = spawn('/bin/sh', ['-c', code, 'sh', ...args], { cwd: tmpdir() });
      children.push(child);
      await once(child.stdout, 'data');
      return child.pid!;
    };
    const pid = await start('-D', folder, '-c', 'port=1');
    await start('-D', `${folder}b`, '-c', 'port=2');
    await start('-D', `${folder} b`, '-c', 'port=3');
    await start('-D', '/y', folder);
    // Somebody who looks for the server, and a shell that is told to run one.
    await start(` -D ${folder} -c `);
    await start(`exec postgres -D ${folder} -c port=4`);
    const found = await findProcessesByArguments(['-D', folder], { workingIn: [tmpdir()] });
    expect(found.map((each) => each.pid)).toEqual([pid]);
    expect(
      await findProcessesByArguments(['-D', folder], { workingIn: [tmpdir()], name: 'postgres' }),
    ).toEqual([]);
  });

  it('finds none that works in another folder, though that once had this path', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'moved-'));
    try {
      const [path, movedTo] = [join(parent, 'data'), join(parent, 'data-old')];
      await mkdir(path);
      const code = 'echo ready; while :; do sleep 0.05; done';
      const child = spawn('/bin/sh', ['-c', code, 'sh', '-D', path], { cwd: path });
      children.push(child);
      await once(child.stdout, 'data');
      const find = async (folder: string) =>
        (await findProcessesByArguments(['-D', path], { workingIn: [folder] })).map(({ pid }) => pid);
      expect(await find(path)).toEqual([child.pid]);
      await rename(path, movedTo);
      await mkdir(path);
      expect(await find(path)).toEqual([]);
      expect(await find(movedTo)).toEqual([child.pid]);
    } finally {
      await rm(parent, { recursive: true });
    }
  });
});

describe('findListeningPorts', () => {
  it('tells the ports of this very process', async () => {
    const code = `const server = require('node:net').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port))`;
    const child = spawn(process.execPath, ['-e', code]);
    children.push(child);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    expect(await findListeningPorts(child.pid!)).toEqual(new Set([port]));
    expect((await findListeningPorts(process.pid))?.has(port)).toBe(false);
  });

  it('are none of a process that has ended', async () => {
    const child = spawn('true');
    await once(child, 'close');
    expect(await findListeningPorts(child.pid!)).toEqual(new Set());
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
