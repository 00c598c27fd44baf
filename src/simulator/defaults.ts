// The merchant, the app and the limits the simulator has when nobody says otherwise. All of it is invented.

/** What a client needs in its configuration to talk to a simulator that was started without other values. */
export const SIMULATOR_DEFAULTS = {
  clientKey: 'awsimulatorclientkey',
  clientSecret: 'simulator-client-secret-not-a-secret',
  accountId: '7126518000000000001',
  accountName: '示例商家',
  stores: [
    {
      poiId: '7182937465123456789',
      name: '示例店（中山路）',
      address: '中山路 88 号',
      accountId: '7126518000000000088',
      latitude: 31.230416,
      longitude: 121.473701,
    },
    {
      poiId: '7182937465123456791',
      name: '示例店（人民广场）',
      address: '人民大道 120 号',
      accountId: '7126518000000000089',
      latitude: 31.232891,
      longitude: 121.475321,
    },
    {
      poiId: '7182937465123456793',
      name: '示例店（静安寺）',
      address: '南京西路 1686 号',
      accountId: '7126518000000000090',
      latitude: 31.223708,
      longitude: 121.445301,
    },
  ],
} as const;

/** A store of the merchant; `poiId` is what a client sends as `poi_id`. */
export interface Store {
  poiId: string;
  name: string;
  address: string;
  accountId: string;
  latitude: number;
  longitude: number;
}

/** The Douyin app and the merchant the simulator plays. */
export interface Merchant {
  clientKey: string;
  clientSecret: string;
  accountId: string;
  accountName: string;
  stores: readonly Store[];
}

/** Bounds of everything that could grow. */
export const LIMITS = {
  bodyBytes: 262_144,
  headerBytes: 16_384,
  orders: 200_000,
  ordersPerRequest: 1_000,
  couponsPerOrder: 10,
  timesPerCard: 1_000,
  codesPerVerify: 100,
  prepares: 1_000_000,
  effectsPerCoupon: 65_000,
  callLogEntries: 200_000,
  controlPageSize: 1_000,
  faults: 1_000,
  hangMs: 120_000,
  delayMs: 600_000,
} as const;
