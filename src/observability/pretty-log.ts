// Readable log lines for a terminal.
import { PinoPretty } from 'pino-pretty';

/** A stream that prints one short line per record, in the terminal's local time. */
export function pretty(): NodeJS.WritableStream {
  return PinoPretty({
    colorize: true,
    ignore: 'pid,process',
    messageFormat: '{process} {msg}',
    singleLine: true,
  });
}
