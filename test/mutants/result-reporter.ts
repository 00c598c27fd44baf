// A jest reporter: one JSON line per finished test file, written at once. jest's own result file is not written when
// `--bail` ends a run.
import { appendFileSync } from 'node:fs';

/** Names the file that the lines are written to. */
export const RESULT_FILE_VARIABLE = 'MUTANTS_RESULT_FILE';

export interface FileResult {
  /** Absolute path of the test file. */
  readonly path: string;
  readonly failedTests: readonly string[];
  readonly isUnreadable: boolean;
}

interface JestTestResult {
  readonly testFilePath: string;
  readonly testExecError?: unknown;
  readonly testResults: readonly { readonly fullName: string; readonly status: string }[];
}

export default class ResultReporter {
  onTestResult(_test: unknown, { testFilePath, testExecError, testResults }: JestTestResult): void {
    const file = process.env[RESULT_FILE_VARIABLE];
    if (file === undefined) throw new Error(`${RESULT_FILE_VARIABLE} is not set`);
    const failedTests = testResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => fullName);
    const isUnreadable = testExecError !== undefined && testExecError !== null && failedTests.length === 0;
    const result: FileResult = { path: testFilePath, failedTests, isUnreadable };
    appendFileSync(file, `${JSON.stringify(result)}\n`);
  }
}
