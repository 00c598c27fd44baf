// KeepTokenFresh: runs on a Schedule and refreshes Douyin's access token well before its end.
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from './activities.ts';
import { SCHEDULED_STEP } from './activity-options.ts';

const { refreshAccessToken } = proxyActivities<Activities>({
  ...SCHEDULED_STEP,
  summary: '刷新抖音 access token · refresh when a third of its life is left',
});

export async function KeepTokenFresh(): Promise<{ refreshed: boolean; expiresAt: string }> {
  return refreshAccessToken();
}
