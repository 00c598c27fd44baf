// A request that does not fit its route's schemas, told field by field in the caller's language, never with a value.
import { z } from 'zod';
import { AppError, type Bilingual, type Language } from '../domain/errors.ts';

const MAX_PROBLEMS = 20;
const MAX_NAME_CHARACTERS = 64;

const ERROR_MAPS = {
  zh: z.locales.zhCN().localeError,
  en: z.locales.en().localeError,
} as const satisfies Record<Language, unknown>;

const REQUIRED: Bilingual = { zh: '必填', en: 'Required' };
const UNKNOWN_PARAMETER: Bilingual = { zh: '没有这个查询参数', en: 'There is no such query parameter' };
const REPEATED_PARAMETER: Bilingual = { zh: '查询参数重复', en: 'The query parameter is repeated' };

export type RequestPart = 'path' | 'query' | 'body';

/** One thing wrong with a request. */
export interface FieldProblem {
  readonly in: RequestPart;
  /** JSON pointer into that part, `/extra/note`; `''` is the part itself. */
  readonly pointer: string;
  readonly message: string;
}

/** A custom check's message in both languages, as zod carries it. */
export function bilingual(zh: string, en: string): { readonly params: Bilingual } {
  return { params: { zh, en } };
}

/** @returns the parsed value, or the problems found */
export function parsePart<T>(
  part: RequestPart,
  schema: z.ZodType<T>,
  value: unknown,
  language: Language,
):
  | { readonly value: T; readonly problems: readonly [] }
  | { readonly value: null; readonly problems: readonly FieldProblem[] } {
  const parsed = schema.safeParse(value, { error: ERROR_MAPS[language] });
  if (parsed.success) return { value: parsed.data, problems: [] };
  return {
    value: null,
    problems: parsed.error.issues.slice(0, MAX_PROBLEMS).map((issue) => ({
      in: part,
      pointer: issue.path.map((step) => `/${escapePointer(String(step))}`).join(''),
      message: messageOf(issue, language),
    })),
  };
}

/**
 * Reads a query into one text per name.
 * @returns the problems of repeated and unknown names, so that a misspelt filter is not silently ignored
 */
export function readQuery(
  query: string,
  knownNames: ReadonlySet<string>,
  language: Language,
): { readonly values: Readonly<Record<string, string>>; readonly problems: readonly FieldProblem[] } {
  const values: Record<string, string> = {};
  const seen = new Set<string>();
  const problems = new Map<string, FieldProblem>();
  for (const [name, value] of new URLSearchParams(query)) {
    const isKnown = knownNames.has(name);
    if (isKnown && !seen.has(name)) values[name] = value;
    else if (problems.size < MAX_PROBLEMS) {
      const pointer = `/${escapePointer([...name].slice(0, MAX_NAME_CHARACTERS).join(''))}`;
      problems.set(pointer, {
        in: 'query',
        pointer,
        message: (isKnown ? REPEATED_PARAMETER : UNKNOWN_PARAMETER)[language],
      });
    }
    seen.add(name);
  }
  return { values, problems: [...problems.values()] };
}

export function invalidRequest(problems: readonly FieldProblem[]): AppError {
  return new AppError('request.invalid', {
    data: { fields: problems },
    internal: problems.map((problem) => `${problem.in}${problem.pointer}`).join(' '),
  });
}

function messageOf(issue: z.core.$ZodIssue, language: Language): string {
  if (issue.code === 'custom' && issue.params) return String((issue.params as Bilingual)[language]);
  return issue.code === 'invalid_type' && /undefined$/.test(issue.message)
    ? REQUIRED[language]
    : issue.message;
}

function escapePointer(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}
