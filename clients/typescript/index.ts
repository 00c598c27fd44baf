// What users of the package see.
export { DyGatewayClient } from './client.ts';
export type { CallOptions, Clock, DyGatewayClientOptions, ReceivedAnswer, VerifyOptions } from './client.ts';
export { DyGatewayError } from './errors.ts';
export type { ClientErrorCode } from './errors.ts';
export { createNonce, signRequest, SIGNATURE_SCHEME } from './sign.ts';
export type { SigningInput, SigningSteps } from './sign.ts';
export type {
  AccessToken,
  CouponStatus,
  DouyinAnswer,
  EnrichmentStatus,
  PrepareBody,
  PreparedCertificate,
  PrepareRequest,
  StoresBody,
  StoresQuery,
  VerificationStatus,
  VerificationView,
  VerifyExtra,
  VerifyRequest,
} from './types.ts';
