// Every workflow, by the name ops read in Temporal's UI. The bundle's one entry.
export { EnrichOrder } from './enrich-order.ts';
export { KeepTokenFresh } from './keep-token-fresh.ts';
export { SweepStranded } from './sweep-stranded.ts';
export { VerifyCoupon } from './verify-coupon.ts';
