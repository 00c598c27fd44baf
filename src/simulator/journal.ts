// The append-only file behind a simulator that must remember: one JSON line per event, written before the answer that
// tells of it. It knows nothing about what the events mean.
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface Journal {
  /** Writes one event; when this returns the line has been handed to the operating system. Throws when it cannot. */
  append(event: object): void;
  /** Forgets everything written so far. */
  clear(): void;
  close(): void;
}

/**
 * Opens a journal and replays what it holds.
 * A last line without its newline was being written when the process died, before any answer: it is dropped.
 * @param path file to open or create; undefined keeps nothing
 * @param replay is given every event in the order written
 * @throws Error naming the line when one in the middle is not JSON
 */
export function openJournal(path: string | undefined, replay: (event: unknown) => void): Journal {
  if (path === undefined) return { append: () => undefined, clear: () => undefined, close: () => undefined };
  const keptBytes = existsSync(path) ? replayFile(path, replay) : 0;
  const file = openSync(path, 'a', 0o600);
  ftruncateSync(file, keptBytes);
  return {
    append: (event) => {
      writeSync(file, `${JSON.stringify(event)}\n`);
    },
    clear: () => {
      ftruncateSync(file, 0);
    },
    close: () => {
      closeSync(file);
    },
  };
}

/** @returns how many bytes of the file are whole lines */
function replayFile(path: string, replay: (event: unknown) => void): number {
  const content = readFileSync(path);
  let lineStart = 0;
  for (let lineNumber = 1; ; lineNumber += 1) {
    const lineEnd = content.indexOf(0x0a, lineStart);
    if (lineEnd === -1) return lineStart;
    replay(parseLine(content.toString('utf8', lineStart, lineEnd), path, lineNumber));
    lineStart = lineEnd + 1;
  }
}

function parseLine(line: string, path: string, lineNumber: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`simulator journal ${path} is damaged at line ${String(lineNumber)}`, { cause: error });
  }
}
