// GET /goodlife/v1/shop/poi/query/: the merchant's stores.
import type { Store } from '../defaults.ts';
import type { JsonObject } from '../json.ts';
import type { World } from '../world.ts';
import {
  lifeEndpoint,
  queryInteger,
  queryText,
  requiredQueryInteger,
  requiredQueryText,
  requireOurAccount,
} from './endpoint.ts';

export const storeQueryEndpoint = lifeEndpoint({
  name: 'poi_query',
  method: 'GET',
  path: '/goodlife/v1/shop/poi/query/',
  facts: (_world, { query }) => {
    const poiId = query.get('poi_id');
    return poiId === null ? {} : { poiId };
  },
  data: (world, { query }) => {
    requireOurAccount(world, requiredQueryText(query, 'account_id'));
    const page = requiredQueryInteger(query, 'page', { min: 1, max: 1_000_000 });
    const size = requiredQueryInteger(query, 'size', { min: 1, max: 50 });
    queryInteger(query, 'relation_type', { min: 0, max: 2 });
    const poiId = queryText(query, 'poi_id');
    const matching = world.merchant.stores.filter((store) => poiId === undefined || store.poiId === poiId);
    return {
      total: matching.length,
      pois: matching.slice((page - 1) * size, page * size).map((store) => storeJson(world, store)),
    };
  },
});

function storeJson(world: World, store: Store): JsonObject {
  const { accountId, accountName } = world.merchant;
  return {
    poi: {
      poi_id: store.poiId,
      poi_name: store.name,
      address: store.address,
      latitude: store.latitude,
      longitude: store.longitude,
    },
    account: {
      parent_account: { account_id: accountId, account_name: accountName, account_type: 'Trademark' },
      poi_account: { account_id: store.accountId, account_name: store.name, account_type: 'Shop' },
    },
    root_account: { account_id: accountId, account_name: accountName },
  };
}
