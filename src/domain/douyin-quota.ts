// How often Douyin lets a merchant's app call each endpoint.

/**
 * Douyin's published figures, calls per second of one Douyin app, all processes together. An endpoint that is not here
 * has no pace: verify's is unpublished, and a coupon that is prepared is never kept waiting by our guess at it.
 * certificate/get's is unpublished too and taken to be that of its sibling, certificate/query; of the order query's
 * two figures, 500 capacity and 20 usage, the small one.
 */
export const PUBLISHED_CALLS_PER_SECOND = {
  prepare: 200,
  get_certificate: 35,
  query_verify_records: 100,
  query_order: 20,
  query_stores: 400,
} as const;
