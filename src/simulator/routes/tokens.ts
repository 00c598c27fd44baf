// POST /oauth/client_token/ and /oauth/stable_client_token/: access tokens for the app.
import { DouyinRefusal, oauthRefusal, oauthSuccess } from '../answers.ts';
import { readJsonObject } from '../json.ts';
import type { World } from '../world.ts';
import type { DouyinRequest, Endpoint } from './endpoint.ts';

export const clientTokenEndpoint: Endpoint = {
  name: 'client_token',
  method: 'POST',
  path: '/oauth/client_token/',
  facts: () => ({}),
  refuse: oauthRefusal,
  handle: (world, request) => {
    const nowMs = world.trueClock();
    if (!world.accessTokens.admitFetch(nowMs, world.settings.tokenFetchLimit)) throw new DouyinRefusal(10020);
    requireCredentials(world, request);
    const lifetimeSeconds = world.settings.tokenLifetimeSeconds;
    const token = world.accessTokens.issue(nowMs, lifetimeSeconds);
    return oauthSuccess({ access_token: token.value, expires_in: lifetimeSeconds });
  },
};

export const stableTokenEndpoint: Endpoint = {
  name: 'stable_token',
  method: 'POST',
  path: '/oauth/stable_client_token/',
  facts: () => ({}),
  refuse: oauthRefusal,
  handle: (world, request) => {
    requireCredentials(world, request);
    const nowMs = world.trueClock();
    const token = world.accessTokens.issueStable(nowMs, world.settings.tokenLifetimeSeconds);
    return oauthSuccess({
      access_token: token.value,
      expires_in: Math.floor((token.endsAtMs - nowMs) / 1000),
    });
  },
};

function requireCredentials(world: World, request: DouyinRequest): void {
  const body = readJsonObject(request.bodyText);
  const isJson = request.headers['content-type']?.toLowerCase().startsWith('application/json') ?? false;
  if (!isJson || body === undefined) throw new DouyinRefusal(10002);
  const { client_key: clientKey, client_secret: clientSecret, grant_type: grantType } = body;
  if (typeof clientKey !== 'string' || typeof clientSecret !== 'string') throw new DouyinRefusal(10002);
  if (grantType !== 'client_credential') throw new DouyinRefusal(10002);
  if (clientKey !== world.merchant.clientKey) throw new DouyinRefusal(10003);
  if (clientSecret !== world.merchant.clientSecret) throw new DouyinRefusal(10013);
}
