// The table `douyin_pauses`: how long Douyin wants to be left alone, a row per call of its API that ever said so.
import { defineEntity, p } from '@mikro-orm/core';

export const DouyinPauseEntity = defineEntity({
  name: 'DouyinPause',
  tableName: 'douyin_pauses',
  properties: {
    endpoint: p.text().primary(),
    priority: p.smallint(),
    errorCode: p.integer(),
    lengthMs: p.integer(),
    pausedUntil: p.datetime(3),
  },
});
