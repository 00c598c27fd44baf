// Every Douyin call the simulator answers, found by method and path.
import { getEndpoint, queryEndpoint, verifyRecordEndpoint } from './certificates.ts';
import type { Endpoint } from './endpoint.ts';
import { cancelEndpoint, prepareEndpoint, verifyEndpoint } from './fulfilment.ts';
import { orderQueryEndpoint } from './orders.ts';
import { shortLinkEndpoint } from './short-link.ts';
import { storeQueryEndpoint } from './stores.ts';
import { clientTokenEndpoint, stableTokenEndpoint } from './tokens.ts';

const endpoints: readonly Endpoint[] = [
  clientTokenEndpoint,
  stableTokenEndpoint,
  shortLinkEndpoint,
  prepareEndpoint,
  verifyEndpoint,
  cancelEndpoint,
  getEndpoint,
  queryEndpoint,
  verifyRecordEndpoint,
  orderQueryEndpoint,
  storeQueryEndpoint,
];

export function findEndpoint(method: string, path: string): Endpoint | undefined {
  return endpoints.find(
    (endpoint) =>
      endpoint.method === method &&
      (endpoint.hasIdInPath === true ? path.startsWith(endpoint.path) : path === endpoint.path),
  );
}
