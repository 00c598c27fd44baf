// Loaded into a process under torture before anything else: its wall clock is off by what a file says, and jumps when the file
// changes. `performance.now` stays true, as a machine's monotonic clock does.
import { readFileSync } from 'node:fs';

const READ_EVERY_MS = 50;
const file = process.env['TORTURE_CLOCK_FILE'];
if (!file) throw new Error('TORTURE_CLOCK_FILE names no file');

const TrueDate = Date;
let offsetMs = readOffset();
setInterval(() => (offsetMs = readOffset()), READ_EVERY_MS).unref();

function readOffset(): number {
  const offset = Number(readFileSync(file ?? '', 'utf8'));
  // Half written: the next look sees it whole.
  return Number.isFinite(offset) ? offset : offsetMs;
}

const now = () => TrueDate.now() + offsetMs;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, parameters: unknown[], newTarget) =>
    Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, newTarget) as Date,
  apply: () => new TrueDate(now()).toString(),
  get: (target, property, receiver) =>
    property === 'now' ? now : (Reflect.get(target, property, receiver) as unknown),
});
