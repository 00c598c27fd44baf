// Judges one answer by the OpenAPI document and by what the contract says of every answer. It knows the request too, so
// it can tell an answer that is merely well formed from a right one.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { MadeRequest } from './materials.ts';
import type { Plan } from './requests.ts';
import type { WireAnswer, WireEnd } from './wire.ts';

interface MediaType {
  readonly schema?: object;
  readonly examples?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, MediaType>> }>>;
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Whose connection ends before an answer is no fault of the gateway's. */
const MAY_CLOSE = new Set(['cut', 'surplus']);
/** Statuses the HTTP parser itself answers, before there is a request. */
const PARSER_STATUSES = new Set([400, 408, 413, 417, 431]);

export class Oracle {
  readonly #operations = new Map<
    string,
    { readonly path: string; readonly method: string; readonly operation: Operation }
  >();
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(document, 'document');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        this.#operations.set(operation.operationId, { path, method, operation });
      }
    }
  }

  /** @returns what is wrong, nothing if all is well */
  judge(plan: Plan, request: MadeRequest, end: WireEnd): readonly string[] {
    if (end.kind === 'hung') return ['no answer and no end of the connection'];
    if (end.kind === 'closed')
      return MAY_CLOSE.has(plan.framing) ? [] : ['the connection ended without an answer'];
    const { answer } = end;
    const text = answer.body.toString('utf8');
    const problems = [
      ...this.#shape(plan, request, answer, text),
      ...secretsIn(answer, text, request.secrets),
    ];
    if (answer.status === 500 || answer.status === 501 || answer.status > 503)
      problems.push(`status ${answer.status}`);
    if (
      (answer.status === 429 || answer.status === 503) &&
      !/^[1-9]\d*$/.test(answer.headers['retry-after'] ?? '')
    )
      problems.push(`${answer.status} without Retry-After`);
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(answer.headers['x-request-id'] ?? ''))
      problems.push(`${answer.status} without X-Request-Id`);
    return [...problems, ...authProblems(plan, request, answer, codeOf(text))];
  }

  #shape(plan: Plan, request: MadeRequest, answer: WireAnswer, text: string): string[] {
    if (plan.method === 'HEAD')
      return text === '' || plan.framing !== 'length' ? [] : ['HEAD answered with a body'];
    const found = this.#operations.get(plan.operationId);
    if (!found) return ['not in the document'];
    const isThisOperation = plan.method === found.method.toUpperCase() && request.isOwnPath;
    if (!isThisOperation)
      return answer.status < 400 && plan.bends.length === 0
        ? ['accepted']
        : errorProblems(answer, text, null);
    const documented = found.operation.responses[String(answer.status)];
    if (!documented) {
      return PARSER_STATUSES.has(answer.status) && plan.bends.length > 0
        ? errorProblems(answer, text, null)
        : [`status ${answer.status} is not documented: ${codeOf(text)}`];
    }
    const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    const content = documented.content ?? {};
    const documentedType = Object.keys(content).find((name) => name.split(';')[0]?.trim() === type);
    const media = documentedType === undefined ? undefined : content[documentedType];
    if (!media || documentedType === undefined) return [`${answer.status} of type ${type} is not documented`];
    if (type !== 'application/json') return text.length > 0 ? [] : ['empty'];
    if (answer.status >= 400 && media.examples)
      return errorProblems(answer, text, Object.keys(media.examples));
    return this.#schemaProblems(found.path, found.method, String(answer.status), documentedType, text);
  }

  #schemaProblems(path: string, method: string, status: string, type: string, text: string): string[] {
    const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema']
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    let validate = this.#validators.get(pointer);
    if (!validate) {
      validate = this.#ajv.compile({ $ref: `document#/${pointer}` });
      this.#validators.set(pointer, validate);
    }
    const value = parseJson(text);
    if (value === undefined) return ['not JSON'];
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      (error) => `schema: ${error.instancePath.replaceAll(/\d+/g, 'N')} ${error.message}`,
    );
  }
}

function errorProblems(answer: WireAnswer, text: string, codes: readonly string[] | null): string[] {
  // A path that was bent may be another endpoint's.
  if (answer.status < 400) return [];
  const body = parseJson(text) as { error?: Record<string, unknown> } | undefined;
  const error = body?.error;
  if (typeof error !== 'object' || error === null) return [`${answer.status} is no error envelope`];
  const problems: string[] = [];
  const names = Object.keys(error).filter((name) => name !== 'details');
  if (names.join() !== 'code,message,request_id') problems.push(`the error has ${names.join()}`);
  if (error['request_id'] !== answer.headers['x-request-id']) problems.push('request_id is not the header’s');
  if (codes && !codes.includes(String(error['code'])))
    problems.push(`${answer.status} ${String(error['code'])} is not documented`);
  if (typeof error['message'] !== 'string' || error['message'] === '') problems.push('no message');
  return problems;
}

/** Whether the signature or the uid let through, or kept out, what it should. */
function authProblems(plan: Plan, request: MadeRequest, answer: WireAnswer, code: string): string[] {
  const { status } = answer;
  if (!plan.path.startsWith('/v1/') || status === 404 || status >= 500) return [];
  // A header that was added may be one of the four, or the uid.
  const isOwn =
    request.wire.headers.filter(([name]) => name === 'X-XTJ-UID').length <= 1 ||
    plan.auth === 'repeated_header';
  const isBeforeAuthentication = status === 413 || status === 431 || status === 400 || status === 417;
  if (plan.auth === 'right' || plan.auth === 'other_surface') {
    const isClean = plan.bends.length === 0;
    return plan.auth === 'right' && isClean && status === 401
      ? ['a right request was not authenticated']
      : [];
  }
  const hasUid =
    !plan.path.startsWith('/v1/open/') &&
    request.wire.headers.some(([name, value]) => name === 'X-XTJ-UID' && value === 'fuzzer');
  if (!isOwn || (hasUid && plan.auth !== 'repeated_header') || status === 401) return [];
  // A bent Host or Origin is refused before anybody is authenticated.
  if (code === 'request.wrong_host' || code === 'request.foreign_origin') return [];
  // 400 comes from the parser, or from the guard: that one only after authentication.
  return isBeforeAuthentication && plan.bends.length > 1
    ? []
    : [`${plan.auth} was let through with ${status}`];
}

function secretsIn(answer: WireAnswer, text: string, secrets: readonly string[]): string[] {
  if (answer.status < 400) return [];
  return secrets.some((secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)))
    ? ['an error repeats a secret or a code']
    : [];
}

function codeOf(text: string): string {
  return /"code":"([^"]+)"/.exec(text)?.[1] ?? '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
