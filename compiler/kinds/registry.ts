import { kind as activationsCapture } from './activations.capture.ts';
import { kind as annotateExport } from './annotate.export.ts';
import { kind as annotateImport } from './annotate.import.ts';
import { kind as classifierFiles } from './classifier.files.ts';
import { kind as classifierHub } from './classifier.hub.ts';
import { kind as dataFiles } from './data.files.ts';
import { kind as dataHub } from './data.hub.ts';
import { kind as dataPreferences } from './data.preferences.ts';
import { kind as dataReviewsSynthetic } from './data.reviews-synthetic.ts';
import { kind as featuresAblate } from './features.ablate.ts';
import { kind as featuresClassify } from './features.classify.ts';
import { kind as featuresExplain } from './features.explain.ts';
import { kind as featuresFrequency } from './features.frequency.ts';
import { kind as featuresScore } from './features.score.ts';
import { kind as featuresSteer } from './features.steer.ts';
import { kind as lmTrain } from './lm.train.ts';
import { kind as modelDivergence } from './model.divergence.ts';
import { kind as modelEvaluate } from './model.evaluate.ts';
import { kind as modelFiles } from './model.files.ts';
import { kind as modelHub } from './model.hub.ts';
import { kind as modelInitialise } from './model.initialise.ts';
import { kind as probeEvaluate } from './probe.evaluate.ts';
import { kind as probeFit } from './probe.fit.ts';
import { kind as probePreferences } from './probe.preferences.ts';
import { kind as probeRecovery } from './probe.recovery.ts';
import { kind as report } from './report.ts';
import { kind as rewardTrain } from './reward.train.ts';
import { kind as rlhfDpo } from './rlhf.dpo.ts';
import { kind as rlhfGrpo } from './rlhf.grpo.ts';
import { kind as rlhfPpo } from './rlhf.ppo.ts';
import { kind as rlhfReference } from './rlhf.reference.ts';
import { kind as rlhfRloo } from './rlhf.rloo.ts';
import { kind as saeCompare } from './sae.compare.ts';
import { kind as saeEvaluate } from './sae.evaluate.ts';
import { kind as saeFiles } from './sae.files.ts';
import { kind as saeHub } from './sae.hub.ts';
import { kind as saeTrain } from './sae.train.ts';
import { kind as triplesBuild } from './triples.build.ts';
import type { KindDefinition } from './types.ts';

/** Every kind of step, by the name that `uses:` gives. A new kind is one import and one line here. */
const DEFINITIONS: readonly KindDefinition[] = [
  activationsCapture,
  annotateExport,
  annotateImport,
  classifierFiles,
  classifierHub,
  dataFiles,
  dataHub,
  dataPreferences,
  dataReviewsSynthetic,
  featuresAblate,
  featuresClassify,
  featuresExplain,
  featuresFrequency,
  featuresScore,
  featuresSteer,
  lmTrain,
  modelDivergence,
  modelEvaluate,
  modelFiles,
  modelHub,
  modelInitialise,
  probeEvaluate,
  probeFit,
  probePreferences,
  probeRecovery,
  report,
  rewardTrain,
  rlhfDpo,
  rlhfGrpo,
  rlhfPpo,
  rlhfReference,
  rlhfRloo,
  saeCompare,
  saeEvaluate,
  saeFiles,
  saeHub,
  saeTrain,
  triplesBuild,
];

export const KINDS: ReadonlyMap<string, KindDefinition> = new Map(
  DEFINITIONS.map((kind) => [kind.name, kind]),
);
