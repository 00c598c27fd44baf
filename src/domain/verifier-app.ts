// An app: one client of the gateway, what it may do and for which stores. Its secrets are never part of it.

import { AppError } from './errors.ts';

export type AppStatus = 'active' | 'disabled';

export interface VerifierApp {
  readonly id: number;
  readonly name: string;
  readonly code: string;
  readonly description: string;
  readonly clientKey: string;
  readonly status: AppStatus;
  readonly allowTokenRead: boolean;
  /** The stores it may act for; empty means all. */
  readonly poiIds: readonly string[];
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One of an app's secrets, without its value. */
export interface AppSecret {
  readonly id: number;
  readonly appId: number;
  readonly createdAt: Date;
  /** Since when it signs nothing any more; null while it is live. */
  readonly endedAt: Date | null;
}

/** Whether the app may act for this store. */
export function isPoiAllowed(app: Pick<VerifierApp, 'poiIds'>, poiId: string): boolean {
  return app.poiIds.length === 0 || app.poiIds.includes(poiId);
}

/** @throws AppError `app.poi_not_allowed` */
export function requirePoiAllowed(app: Pick<VerifierApp, 'poiIds'>, poiId: string): void {
  if (!isPoiAllowed(app, poiId)) throw new AppError('app.poi_not_allowed');
}
