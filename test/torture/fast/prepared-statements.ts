// Lets PostgreSQL keep the plans of the gateway's statements: here a few texts run hundreds of thousands of times, and
// parsing and planning them costs more than running them. The statements stay what they are; each gets a name by its text.
import { createHash } from 'node:crypto';
import pg from 'pg';

type Query = (this: pg.Client, text: unknown, values?: unknown, callback?: unknown) => unknown;

const names = new Map<string, string>();

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  names.set(text, name);
  return name;
}

const client = pg.Client.prototype as { query: Query };
const query = client.query;
client.query = function (text, values, callback) {
  // Only what is run with values: a text with several statements cannot be prepared.
  return typeof text === 'string' && Array.isArray(values)
    ? query.call(this, { name: nameOf(text), text, values }, callback)
    : query.call(this, text, values, callback);
};
