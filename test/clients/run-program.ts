// Runs a program as a child process and keeps all it wrote.
import { spawn } from 'node:child_process';

import { COMPILE_CACHE } from '../support/compile-cache.ts';

export interface ProgramResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** Added to a small environment of PATH, HOME, a UTF-8 locale and Node's compile cache; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each piece of stderr, to act while the program runs. */
  readonly onStderr?: (stop: () => void) => void;
}

/** A program that hangs is killed after this. Milliseconds. */
const PROGRAM_TIMEOUT_MS = 60_000;

export function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const { PATH = '', HOME = '/tmp' } = process.env;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { PATH, HOME, LC_ALL: 'C.UTF-8', ...COMPILE_CACHE, ...options.env },
      timeout: PROGRAM_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(() => child.kill('SIGINT'));
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    // A program that ends without reading its input is no failure of the test's.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}
