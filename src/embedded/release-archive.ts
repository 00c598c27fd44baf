// The second way to the Temporal program, for machines without Python: Temporal's own release archive over HTTPS,
// unpacked by the system's tar. What comes out is not trusted and not run here; whoever calls this checks its hash.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { childEnvironment } from './server-process.ts';

const ORIGIN = 'https://temporal.download';
const ARCHIVE_MEMBER = 'temporal';
const UNPACK_TIMEOUT_MS = 60_000;
const SHOWN_TAR_OUTPUT = 300;

/** The release's name of what Node calls `process.arch`. */
const RELEASE_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface ReleaseArchiveOptions {
  /** Where the archives lie; Temporal's own site if absent. */
  readonly origin?: string;
  readonly version: string;
  readonly maxArchiveBytes: number;
  readonly maxProgramBytes: number;
  /** For the whole download. */
  readonly timeoutMs: number;
}

/** Lets at most so many bytes pass, then fails. */
function limitBytes(what: string, maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > maxBytes) done(new Error(`${what} is larger than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}

async function download(url: string, path: string, maxBytes: number, signal: AbortSignal): Promise<void> {
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new Error(`HTTP ${response.status}`);
    }
    await pipeline(
      Readable.fromWeb(response.body),
      limitBytes('the archive', maxBytes),
      createWriteStream(path, { flags: 'wx' }),
      { signal },
    );
  } catch (err) {
    // fetch says "fetch failed" or "terminated", and its cause says why.
    const { message, cause } = err as Error;
    throw new Error(cause instanceof Error ? `${message}: ${cause.message}` : message, { cause: err });
  }
}

/** Only the one member, through a pipe: whatever else the archive holds, nothing else is written. */
async function unpack(
  archivePath: string,
  programPath: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const tar = spawn('tar', ['-xzOf', archivePath, ARCHIVE_MEMBER], {
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let said = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, SHOWN_TAR_OUTPUT);
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    tar.once('error', (err) => {
      reject(signal.aborted ? (signal.reason as Error) : new Error('tar does not run', { cause: err }));
    });
    tar.once('close', resolve);
  });
  const written = pipeline(
    tar.stdout,
    limitBytes('the program', maxBytes),
    createWriteStream(programPath, { flags: 'wx' }),
  );
  // Neither hangs for the other: a tar whose output is not taken any more ends by its broken pipe.
  const [exit, writing] = await Promise.allSettled([exited, written]);
  if (exit.status === 'rejected') throw exit.reason;
  if (writing.status === 'rejected') throw writing.reason;
  if (exit.value !== 0) {
    throw new Error(`tar cannot unpack the archive: ${said.split('\n', 1)[0] || `exit code ${exit.value}`}`);
  }
}

/**
 * Leaves the program of Temporal's release archive at `programPath`, unchecked and not executable.
 * @throws Error that says why, e.g. no network, too large, cut, not an archive, no tar
 */
export async function fetchReleaseArchive(
  { origin = ORIGIN, version, maxArchiveBytes, maxProgramBytes, timeoutMs }: ReleaseArchiveOptions,
  programPath: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const query = new URLSearchParams({
    platform: process.platform,
    arch: RELEASE_ARCHITECTURES[process.arch] ?? process.arch,
  });
  const url = `${origin}/cli/archive/v${version}?${query.toString()}`;
  const within = (ms: number) => AbortSignal.any([AbortSignal.timeout(ms), ...(signal ? [signal] : [])]);
  const archivePath = `${programPath}.tar.gz`;
  try {
    await download(url, archivePath, maxArchiveBytes, within(timeoutMs));
    await unpack(archivePath, programPath, maxProgramBytes, within(UNPACK_TIMEOUT_MS));
  } finally {
    await rm(archivePath, { force: true });
  }
}
