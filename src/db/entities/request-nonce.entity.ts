// The table `request_nonces`: nonces spent by correctly signed requests, kept until their timestamp leaves the window.
import { defineEntity, p } from '@mikro-orm/core';

export const RequestNonceEntity = defineEntity({
  name: 'RequestNonce',
  tableName: 'request_nonces',
  properties: {
    clientKey: p.text().primary(),
    nonce: p.text().primary(),
    expiresAt: p.datetime(3),
  },
});
