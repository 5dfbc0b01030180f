import type { ActivityBody } from '../../compute/types.ts';
import { GROUP_METRICS, type GroupMetrics } from '../../ml/rlhf/group-trainer.ts';
import { type GrpoSettings, grpoTrainer } from '../../ml/rlhf/grpo.ts';
import type { RlhfGrpoParameters } from '../../schemas/generated/parameters.ts';
import { GROUP_HINTS, GROUP_SHOWN, groupSettings } from '../group-settings.ts';
import { tuneOnPolicy } from '../on-policy.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfGrpoParameters;
  const { result } = await tuneOnPolicy<GrpoSettings, GroupMetrics>(job, params, {
    title: 'GRPO',
    settings: {
      ...groupSettings(params),
      scaleRewards: params['scale-rewards'],
      lossType: params['loss-type'],
    },
    definitions: GROUP_METRICS,
    shown: GROUP_SHOWN,
    hints: GROUP_HINTS,
    trainer: grpoTrainer,
  });
  return result;
};
