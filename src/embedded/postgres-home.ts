// Decides where an embedded PostgreSQL keeps its files and as whom it runs. PostgreSQL refuses to run as root, so root
// starts it as an unprivileged user, and that user must be able to reach both the programs and the files.
import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Users a root process runs PostgreSQL as; the first that exists. */
const UNPRIVILEGED_USERS = ['postgres', 'nobody'];

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

export interface PostgresHome {
  /** Who PostgreSQL runs as; undefined: as ourselves. */
  readonly account: Account | undefined;
  /** The folder that holds the cluster; owned by `account`. */
  readonly folder: string;
  readonly programs: PostgresPrograms;
}

async function findAccount(): Promise<Account> {
  const tellId = async (option: string, user: string) =>
    Number((await promisify(execFile)('id', [option, user])).stdout);
  for (const user of UNPRIVILEGED_USERS) {
    try {
      return { uid: await tellId('-u', user), gid: await tellId('-g', user) };
    } catch {
      // No such user: the next one.
    }
  }
  throw new Error(
    `PostgreSQL does not run as root and there is no user ${UNPRIVILEGED_USERS.join(' or ')} to run it as; ` +
      'create one (useradd --system postgres), start as another user, or set DATABASE_URL',
  );
}

/** Asks the system itself, so that groups, access lists and every parent folder count. */
function canEnter(account: Account, path: string): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', 'test -r "$1" && test -x "$1"', 'sh', path], {
    cwd: '/',
    ...account,
  });
  return status === 0;
}

/** Copies the programs to where the account can run them; once per version. */
async function publishPrograms(
  programs: PostgresPrograms,
  systemFolder: string,
  version: string,
): Promise<PostgresPrograms> {
  const nativeFolder = dirname(dirname(programs.postgres));
  const target = join(systemFolder, `postgresql-${version}`);
  const published = (program: string) => join(target, 'bin', basename(program));
  if (!(await stat(target).catch(() => null))) {
    const draft = `${target}.${randomUUID()}`;
    await cp(nativeFolder, draft, { recursive: true, verbatimSymlinks: true });
    try {
      await rename(draft, target);
    } catch (err) {
      // Another gateway was quicker; its copy is as good.
      await rm(draft, { recursive: true, force: true });
      if (!(await stat(target).catch(() => null))) throw err;
    }
  }
  return { initdb: published(programs.initdb), postgres: published(programs.postgres) };
}

/**
 * Prepares the folder PostgreSQL's cluster lies in.
 *
 * Normally that is `home` in `ownFolder`, and `ownFolder` itself stays ours. Where the unprivileged user of a root process cannot reach it (a DATA_DIR below /root),
 * the cluster lies in `systemFolder` instead, under a name kept in `ownFolder`, so that the next start finds it again.
 * @param ownFolder exists and belongs to us
 * @param systemFolder a lasting folder every user may enter; made if needed, by root only
 * @param version of the programs, names their copy
 */
export async function preparePostgresHome(
  ownFolder: string,
  systemFolder: string,
  programs: PostgresPrograms,
  version: string,
  report: (message: string) => void,
): Promise<PostgresHome> {
  if (process.getuid?.() !== 0) {
    const folder = join(ownFolder, 'home');
    await mkdir(folder, { recursive: true });
    return { account: undefined, folder, programs };
  }

  const pointerPath = join(ownFolder, 'cluster-location');
  const recorded = await readFile(pointerPath, 'utf8').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return null;
    throw err;
  });
  const account = await findAccount();
  const makeSystemFolder = () => mkdir(systemFolder, { recursive: true, mode: 0o755 });
  let folder = join(ownFolder, 'home');
  if (recorded !== null) {
    folder = recorded.trim();
    if (!(await stat(folder).catch(() => null))) {
      throw new Error(
        `PostgreSQL's files are gone: ${pointerPath} says they are in ${folder}, which does not exist. ` +
          'Put that folder back, or remove the pointer file to start with an empty database',
      );
    }
  } else if (canEnter(account, ownFolder)) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  } else {
    await makeSystemFolder();
    folder = join(systemFolder, `postgres-${randomUUID()}`);
    await mkdir(folder, { mode: 0o755 });
    await writeFile(pointerPath, `${folder}\n`);
    report(`PostgreSQL's user cannot reach ${ownFolder}; its files are kept in ${folder}`);
  }
  // A cluster keeps its owner, also when a better user turns up later.
  const cluster = await stat(join(folder, 'cluster')).catch(() => null);
  const owner = cluster && cluster.uid !== 0 ? { uid: cluster.uid, gid: cluster.gid } : account;
  await chown(folder, owner.uid, owner.gid);
  if (canEnter(owner, programs.postgres)) return { account: owner, folder, programs };
  await makeSystemFolder();
  return { account: owner, folder, programs: await publishPrograms(programs, systemFolder, version) };
}
