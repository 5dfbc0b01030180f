import { fitCorrected } from '../../../ml/probes/fit-corrected.ts';
import { fitFaithful } from '../../../ml/probes/fit-faithful.ts';
import { learnerOf } from '../../../ml/probes/learners/choose.ts';
import type {
  Fit,
  Method,
  ProbeFile,
  ProbeRow,
  Protocol,
  Representation,
  Role,
} from '../../../ml/probes/types.ts';
import { type SyntheticOptions, syntheticProbeData } from './synthetic.ts';

/** `probe.json` of a synthetic model, without the files around it. */
export function syntheticProbe(options: {
  role: Role;
  data: SyntheticOptions;
  method?: Method;
  protocol?: Protocol;
  representations?: Representation[];
  shuffles?: number;
  controlTasks?: number;
}): ProbeFile {
  const {
    role,
    method = 'ridge',
    protocol = 'corrected',
    representations = ['sae'],
    shuffles = 20,
    controlTasks = 0,
  } = options;
  const { seed } = options.data;
  const data = syntheticProbeData(options.data);
  const fits = representations.map((representation): Fit => {
    const learner = learnerOf(method, 0.5);
    const control = 'none';
    const common = { method, learner, control, seed, shuffles, name: representation } as const;
    const { probe: _, ...fit } =
      protocol === 'corrected'
        ? fitCorrected(data.features, data.rows, { ...common, controlTasks })
        : fitFaithful(data.features, data.rows, common);
    return { representation, control, features: data.features.columns, ...fit };
  });
  const read = protocol === 'corrected' ? data.rows : data.rows.filter(({ split }) => split === 'test');
  const column = <K extends keyof ProbeRow>(key: K): ProbeRow[K][] => read.map((row) => row[key]);
  return {
    format: 3,
    role,
    method,
    protocol,
    seed,
    model: role,
    triples: `triples ${seed}`,
    dictionaries: [],
    layers: [1],
    feedback: 'lexicon vader',
    rows: {
      triple: column('triple'),
      member: column('member'),
      word: column('word'),
      value: column('value'),
      fold: column('fold'),
    },
    fits,
  };
}
