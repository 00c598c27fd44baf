// SweepStranded: runs on a Schedule and starts again what lost its workflow.
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from './activities.ts';
import { SCHEDULED_STEP } from './activity-options.ts';

const { sweepStranded } = proxyActivities<Activities>({
  ...SCHEDULED_STEP,
  summary: '巡检遗留的核销与补全 · pick up what lost its workflow',
});

export async function SweepStranded(): Promise<{
  verifications: number;
  enrichments: number;
  nonces: number;
}> {
  return sweepStranded();
}
