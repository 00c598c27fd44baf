// The variables the schema in src/config.ts names, in its order. Read from the source, since a parsed environment lists
// only what has a value.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CONFIG_PATH = join(import.meta.dirname, '../../src/config.ts');

export function variableNames(): readonly string[] {
  const schema = /const environmentSchema = z\.object\(\{\n([\s\S]*?)\n\}\);/.exec(
    readFileSync(CONFIG_PATH, 'utf8'),
  );
  if (!schema?.[1]) throw new Error('src/config.ts has no environmentSchema any more');
  return [...schema[1].matchAll(/^ {2}([A-Z][A-Z0-9_]*):/gm)].map(([, name]) => name as string);
}
