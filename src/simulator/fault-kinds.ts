// The table of everything that can be made to go wrong. Each kind says whether the call's effect happens, then what
// becomes of the answer. How a fault is chosen is in faults.ts, how a body is bent in fault-bodies.ts.
import type { EndpointName } from './settings.ts';

/** What happens to the answer once the call's effect has, or has not, taken place. */
export type FaultAction =
  | 'delay'
  | 'hang'
  | 'cut'
  | 'cut_early'
  | 'cut_mid_answer'
  | 'drip'
  | 'refuse_connections'
  | 'replace_http'
  | 'replace_code'
  | 'end_tokens'
  | 'bend_body'
  | 'bend_handler';

/** Which calls a kind makes sense for. */
export type FaultScope =
  'any' | 'json' | 'life' | 'token' | 'prepare' | 'verify' | 'items' | 'effect' | 'read';

interface FaultKindDefinition {
  /** `none`: the call does nothing. `done`: it does what it should. */
  effect: 'none' | 'done';
  action: FaultAction;
  scope: FaultScope;
  /**
   * Left out of seeded plans unless named: after it the truth cannot be told, or it hits calls beside its own.
   */
  isOnlyByName?: true;
}

const none = (action: FaultAction, scope: FaultScope): FaultKindDefinition => ({
  effect: 'none',
  action,
  scope,
});
const done = (action: FaultAction, scope: FaultScope): FaultKindDefinition => ({
  effect: 'done',
  action,
  scope,
});
const onlyByName = (definition: FaultKindDefinition): FaultKindDefinition => ({
  ...definition,
  isOnlyByName: true,
});

export const faultKinds = {
  // Time. A client that gave up during a latency is not spared its effect.
  'latency-before-effect': done('delay', 'any'),
  'latency-after-effect': done('delay', 'any'),
  'hang-before-effect': none('hang', 'any'),
  'hang-after-effect': done('hang', 'any'),
  'slow-drip': done('drip', 'any'),
  // Connections.
  'cut-before-effect': none('cut', 'any'),
  'cut-after-effect': done('cut', 'any'),
  'cut-mid-answer': done('cut_mid_answer', 'any'),
  // The client knows at once that it lost its call, and the call has its effect long after that.
  'late-effect-after-cut': done('cut_early', 'effect'),
  'refuse-connections': onlyByName(none('refuse_connections', 'any')),
  // Something between Douyin and the client answers, or Douyin's answer is not what it should be.
  'http-5xx-before-effect': none('replace_http', 'any'),
  'http-5xx-after-effect': done('replace_http', 'any'),
  'http-429-before-effect': none('replace_http', 'any'),
  'http-429-after-effect': done('replace_http', 'any'),
  'http-4xx-before-effect': none('replace_http', 'any'),
  'redirect-before-effect': none('replace_http', 'json'),
  'html-before-effect': none('replace_http', 'json'),
  'html-after-effect': done('replace_http', 'json'),
  'not-json-after-effect': done('replace_http', 'json'),
  'cut-json-after-effect': done('replace_http', 'json'),
  'wrong-shape-after-effect': done('replace_http', 'json'),
  'empty-body-before-effect': none('replace_http', 'json'),
  'empty-body-after-effect': done('replace_http', 'json'),
  // Error codes.
  'error-code-before-effect': none('replace_code', 'json'),
  'error-code-after-effect': done('replace_code', 'json'),
  'error-code-in-data-only': none('replace_code', 'life'),
  'error-code-in-extra-only': none('replace_code', 'life'),
  'error-codes-differ': none('replace_code', 'life'),
  'retry-text-before-effect': none('replace_code', 'life'),
  'retry-text-after-effect': done('replace_code', 'life'),
  'too-frequent': none('replace_code', 'life'),
  'quota-used-up': none('replace_code', 'life'),
  'ip-not-listed': none('replace_code', 'life'),
  'permission-missing': none('replace_code', 'life'),
  'token-too-frequent': none('replace_code', 'token'),
  // How this call spells what it refuses, whatever the settings say.
  'refusal-as-item': done('bend_handler', 'verify'),
  'refusal-as-error-code': done('bend_handler', 'verify'),
  'token-expired': none('end_tokens', 'life'),
  'token-invalid': none('end_tokens', 'life'),
  // The effect took place and the answer is Douyin's, but something in it is odd, missing or about something else.
  'codes-as-text': done('bend_body', 'life'),
  'codes-null': done('bend_body', 'life'),
  'codes-absent': done('bend_body', 'life'),
  'data-code-empty': done('bend_body', 'life'),
  'data-code-null': done('bend_body', 'life'),
  'extra-code-absent': done('bend_body', 'life'),
  'extra-absent': done('bend_body', 'life'),
  // Nothing in the answer tells Douyin's time.
  'extra-and-date-absent': done('bend_body', 'life'),
  'extra-now-milliseconds': done('bend_body', 'life'),
  'extra-now-absent': done('bend_body', 'life'),
  'times-in-milliseconds': done('bend_body', 'life'),
  'ids-empty': done('bend_body', 'life'),
  'amounts-empty': onlyByName(done('bend_body', 'life')),
  'order-id-absent': done('bend_body', 'life'),
  'answer-for-another-order': done('bend_body', 'life'),
  'answer-for-another-store': done('bend_body', 'life'),
  'answer-for-another-certificate': done('bend_body', 'life'),
  'verify-token-empty': done('bend_body', 'prepare'),
  // Results of verify, and those of cancel where they fit.
  'results-absent-before-effect': none('bend_body', 'items'),
  'results-absent-after-effect': done('bend_body', 'items'),
  'results-fewer-after-effect': done('bend_body', 'items'),
  'results-reordered': done('bend_body', 'items'),
  'results-as-text': done('bend_body', 'items'),
  'items-unlisted-before-effect': none('bend_body', 'items'),
  'items-unlisted-after-effect': done('bend_body', 'items'),
  'items-unreadable-before-effect': none('bend_body', 'items'),
  'items-unreadable-after-effect': done('bend_body', 'items'),
  'items-partly-unreadable-after-effect': done('bend_body', 'items'),
  'items-refused': done('bend_handler', 'verify'),
  'items-partly-refused': done('bend_handler', 'verify'),
  'items-refused-after-effect': onlyByName(done('bend_body', 'items')),
  'risk-review-passes': done('bend_handler', 'verify'),
  'risk-review-fails': onlyByName(done('bend_handler', 'verify')),
  // A replica that lags: shows the coupon as it was before anything was done to it.
  'stale-certificate': onlyByName(done('bend_handler', 'read')),
} as const satisfies Record<string, FaultKindDefinition>;

export type FaultKind = keyof typeof faultKinds;

/** Names of all faults. */
export const FAULT_KINDS = Object.keys(faultKinds) as [FaultKind, ...FaultKind[]];

export function faultKind(kind: FaultKind): FaultKindDefinition {
  return faultKinds[kind];
}

export function isApplicable(kind: FaultKind, endpoint: EndpointName): boolean {
  const isToken = endpoint === 'client_token' || endpoint === 'stable_token';
  switch (faultKind(kind).scope) {
    case 'any':
      return true;
    case 'json':
      return endpoint !== 'short_link';
    case 'life':
      return endpoint !== 'short_link' && !isToken;
    case 'token':
      return isToken;
    case 'items':
      return endpoint === 'verify' || endpoint === 'cancel';
    case 'effect':
      return endpoint === 'prepare' || endpoint === 'verify' || endpoint === 'cancel';
    case 'prepare':
      return endpoint === 'prepare';
    case 'verify':
      return endpoint === 'verify';
    case 'read':
      return endpoint === 'get' || endpoint === 'query';
  }
}
