// Which paths belong to which surface, whatever routes there are: what a listener serves and who may come in is decided
// by the path alone, so that a route that is added later, or a path that has none, is covered as well.

/** Which surfaces a listener serves: both, or one of them when the internal one has a listener of its own. */
export type Listener = 'all' | 'public' | 'internal';

/** `shared` paths (health, documentation) are on every listener. */
export type PathSurface = 'open' | 'internal' | 'shared';

const OPEN_ROOTS = ['/v1/open'];
const INTERNAL_ROOTS = ['/v1/internal', '/console'];
/** What people open in a browser: other people's web pages must not be able to use it through them. */
const PAGE_ROOTS = [...INTERNAL_ROOTS, '/docs'];

export function surfaceOf(path: string): PathSurface {
  if (isBelow(path, OPEN_ROOTS)) return 'open';
  return isBelow(path, INTERNAL_ROOTS) ? 'internal' : 'shared';
}

/** Whether a path answers this gateway's own pages alone. */
export function isForOwnPages(path: string): boolean {
  return isBelow(path, PAGE_ROOTS);
}

export function isServedBy(listener: Listener, path: string): boolean {
  switch (listener) {
    case 'all':
      return true;
    case 'public':
      return surfaceOf(path) !== 'internal';
    case 'internal':
      return surfaceOf(path) !== 'open';
  }
}

function isBelow(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}
