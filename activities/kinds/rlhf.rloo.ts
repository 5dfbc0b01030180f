import type { ActivityBody } from '../../compute/types.ts';
import type { GroupMetrics } from '../../ml/rlhf/group-trainer.ts';
import { RLOO_METRICS, type RlooSettings, rlooTrainer } from '../../ml/rlhf/rloo.ts';
import type { RlhfRlooParameters } from '../../schemas/generated/parameters.ts';
import { GROUP_HINTS, GROUP_SHOWN, groupSettings } from '../group-settings.ts';
import { tuneOnPolicy } from '../on-policy.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfRlooParameters;
  const { result } = await tuneOnPolicy<RlooSettings, GroupMetrics>(job, params, {
    title: 'RLOO',
    settings: groupSettings(params),
    definitions: RLOO_METRICS,
    shown: GROUP_SHOWN,
    hints: GROUP_HINTS,
    trainer: rlooTrainer,
  });
  return result;
};
