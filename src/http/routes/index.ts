// Every route of the gateway, in the order of its documentation.
import type { Route } from '../route.ts';
import { docsAssetRoute, docsRoute, openApiRoute } from './docs.ts';
import { health, livez, readyz } from './health.ts';
import { addAppSecretRoute, endAppSecretRoute, listAppSecretsRoute } from './internal/app-secrets.ts';
import { createAppRoute } from './internal/create-app.ts';
import { listEnrichmentsRoute, retryEnrichmentRoute } from './internal/enrichments.ts';
import { listAppsRoute } from './internal/list-apps.ts';
import { listAuditLogRoute } from './internal/list-audit-log.ts';
import { reportVerificationsRoute } from './internal/report-verifications.ts';
import { summarizeVerificationsRoute } from './internal/summarize-verifications.ts';
import { updateAppRoute, updateTokenAccessRoute } from './internal/update-app.ts';
import { resolveVerificationRoute, showVerificationRoute } from './internal/verifications.ts';
import { findVerificationRoute } from './open/find-verification.ts';
import { prepareCouponRoute } from './open/prepare-coupon.ts';
import { queryStoresRoute } from './open/query-stores.ts';
import { readAccessTokenRoute } from './open/read-access-token.ts';
import { verifyCouponRoute } from './open/verify-coupon.ts';

export const ROUTES: readonly Route[] = [
  verifyCouponRoute,
  prepareCouponRoute,
  findVerificationRoute,
  readAccessTokenRoute,
  queryStoresRoute,
  reportVerificationsRoute,
  summarizeVerificationsRoute,
  createAppRoute,
  listAppsRoute,
  updateAppRoute,
  updateTokenAccessRoute,
  listAppSecretsRoute,
  addAppSecretRoute,
  endAppSecretRoute,
  showVerificationRoute,
  resolveVerificationRoute,
  listEnrichmentsRoute,
  retryEnrichmentRoute,
  listAuditLogRoute,
  health,
  livez,
  readyz,
  openApiRoute,
  docsRoute,
  docsAssetRoute,
];
