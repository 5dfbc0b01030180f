import { ComputeError } from '../ml/failure.ts';
import type { ChosenSettings, TrainingSettings } from '../ml/sae/settings.ts';
import type { SaeTrainParameters } from '../schemas/generated/parameters.ts';

/** What single variants of `sae.train` let be chosen, in the words of `ml/sae`. */
export function variantSettings(
  params: SaeTrainParameters,
): Pick<
  ChosenSettings,
  'l1Weight' | 'subtractsDecoderBias' | 'jumprelu' | 'gatedForm' | 'pAnneal' | 'transcoder' | 'crosscoder'
> {
  const { jumprelu, 'p-anneal': pAnneal } = params;
  return {
    l1Weight: params['l1-weight'],
    subtractsDecoderBias: params['subtract-decoder-bias'],
    jumprelu: {
      sparsity: jumprelu.sparsity,
      coefficient: jumprelu.coefficient,
      targetL0: jumprelu['target-l0'],
      tanhScale: jumprelu['tanh-scale'],
      bandwidth: jumprelu.bandwidth,
      firstThreshold: jumprelu.threshold,
      thresholdParameter: jumprelu['threshold-parameter'],
      stepReads: jumprelu['step-reads'],
      preActivationCoefficient: jumprelu['pre-activation-coefficient'],
      unitNorm: jumprelu['decoder-rows'] === 'unit-norm',
    },
    gatedForm: params.gated.form,
    transcoder: params.transcoder,
    crosscoder: params.crosscoder,
    pAnneal: {
      penalty: pAnneal.penalty,
      pEnd: pAnneal['p-end'],
      annealStart: pAnneal.start,
      annealEnd: pAnneal.end,
      updates: pAnneal.values,
      window: pAnneal.window,
    },
  };
}

/** @throws ComputeError bad-parameter for what the schema cannot see: it needs the number of features or of steps. */
export function refuseVariantSettings(params: SaeTrainParameters, settings: TrainingSettings): void {
  const { variant, features, jumprelu, pAnneal, steps } = settings;
  if (variant === 'jumprelu' && jumprelu.sparsity === 'target-l0' && jumprelu.targetL0 > features) {
    throw new ComputeError(
      'bad-parameter',
      `target-l0 is ${jumprelu.targetL0}, but there are only ${features} features`,
      { hint: 'lower `jumprelu.target-l0`, or raise `expansion`' },
    );
  }
  const end = params['p-anneal'].end;
  if (variant === 'p-anneal' && end !== undefined && end <= pAnneal.annealStart) {
    throw new ComputeError(
      'bad-parameter',
      `p cannot fall from step ${pAnneal.annealStart} to step ${end} of ${steps}`,
      { hint: 'raise `p-anneal.end`, or lower `p-anneal.start`' },
    );
  }
}
