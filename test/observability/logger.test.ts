// What reaches the log, read from a process that writes it: the logger writes to standard output and nowhere else.
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { REDACTED_FIELDS } from '../../src/observability/logger.ts';
import { runProgram } from '../clients/run-program.ts';

const LOGGER = join(import.meta.dirname, '../../src/observability/logger.ts');
const SENSITIVE = 'sensitive-7f3a';

/** Runs `script` with a `logger` at hand; @returns the lines it wrote */
async function logged(
  script: string,
  options: { level: string; format: string },
): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await runProgram(process.execPath, [
    '--input-type=module',
    '--eval',
    `const { createLogger, REDACTED_FIELDS } = await import(${JSON.stringify(LOGGER)});
     const { Secret } = await import(${JSON.stringify(LOGGER.replace('logger.ts', 'secret.ts'))});
     const logger = createLogger({ ...${JSON.stringify(options)}, process: 'api' });
     ${script}`,
  ]);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

const JSON_FORMAT = { level: 'info', format: 'json' };

describe('the log', () => {
  it('is one JSON object per line, with level in words, UTC time and the process', async () => {
    const [line = '', ...more] = await logged(
      `logger.info({ verificationId: 8123 }, 'settled');`,
      JSON_FORMAT,
    );
    expect(more).toEqual([]);
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      process: 'api',
      pid: expect.any(Number),
      verificationId: 8123,
      msg: 'settled',
    });
  });

  it('leaves out what is below its level', async () => {
    const lines = await logged(`logger.info('quiet'); logger.warn('loud');`, {
      level: 'warn',
      format: 'json',
    });
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['loud']);
  });

  it.each(['json', 'pretty'])(
    'replaces every sensitive field, and those one level down, as %s',
    async (format) => {
      const lines = await logged(
        `for (const field of REDACTED_FIELDS) {
         logger.info({ [field]: '${SENSITIVE}' }, field);
         logger.info({ request: { [field]: '${SENSITIVE}', kept: 'kept' } }, field);
       }`,
        { level: 'info', format },
      );
      expect(lines).toHaveLength(REDACTED_FIELDS.length * 2);
      for (const line of lines) {
        expect(line).toContain('***');
        expect(line).not.toContain(SENSITIVE);
      }
      expect(lines.filter((line) => line.includes('kept'))).toHaveLength(REDACTED_FIELDS.length);
    },
  );

  it('knows by name everything that may not be in it', () => {
    expect(REDACTED_FIELDS).toEqual(
      expect.arrayContaining([
        'code', 'encrypted_code', 'encryptedCode', 'short_link', 'shortLink', 'requestValue', 'access_token',
        'verify_token', 'douyinVerifyToken', 'secret', 'client_secret', 'signature', 'phone', 'origin_code', 'object_id',
      ]), // prettier-ignore
    );
  });

  it('does not show a Secret under any name', async () => {
    const [line = ''] = await logged(
      `logger.info({ harmless: new Secret('${SENSITIVE}') }, 'x');`,
      JSON_FORMAT,
    );
    expect(JSON.parse(line)).toMatchObject({ harmless: '***' });
  });

  it('keeps an error’s message, stack and causes for operators', async () => {
    const [line = ''] = await logged(
      `logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');`,
      JSON_FORMAT,
    );
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      err: { message: 'outer', stack: expect.stringContaining('outer'), cause: { message: 'inner' } },
    });
  });

  it('keeps of a database error what went wrong, and nothing of the row', async () => {
    const [line = ''] = await logged(
      `const err = Object.assign(new Error('duplicate key (verify_token)=(${SENSITIVE})'), {
         severity: 'ERROR', code: '23505', constraint: 'verifications__verify_id', detail: '${SENSITIVE}',
       });
       logger.error({ err: new Error('not stored', { cause: err }) }, 'failed');`,
      JSON_FORMAT,
    );
    expect(line).not.toContain(SENSITIVE);
    expect(JSON.parse(line)).toMatchObject({
      err: { message: 'not stored', cause: { code: '23505', constraint: 'verifications__verify_id' } },
    });
  });
});
