// Every route of the gateway, in the order of its documentation.
import type { Route } from '../route.ts';
import { health, livez, readyz } from './health.ts';
import { createAppRoute } from './internal/create-app.ts';
import { listAppsRoute } from './internal/list-apps.ts';
import { findVerificationRoute } from './open/find-verification.ts';
import { prepareCouponRoute } from './open/prepare-coupon.ts';
import { verifyCouponRoute } from './open/verify-coupon.ts';

export const ROUTES: readonly Route[] = [
  verifyCouponRoute,
  prepareCouponRoute,
  findVerificationRoute,
  createAppRoute,
  listAppsRoute,
  health,
  livez,
  readyz,
];
