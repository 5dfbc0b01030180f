import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'probe.fit',
  version: 1,
  title: 'Fit a probe that reads the feedback back',
  stage: 'probes',
  seeding: 'per-seed',
  primary: 'probe',
  outputs: { probe: { type: 'artifact', artifact: 'probe' } },
  metrics: {
    tau: "Kendall's tau-b between the feedback of a word and what the probe predicts from dictionary features (from the activations, without dictionaries). Corrected: words that the probe has not seen, compared within folds.",
    tau_raw: 'The same from the activations themselves.',
    tau_shuffled:
      'Mean of the same (as `tau`) over refits on feedback permuted among words: its chance level.',
    sign_accuracy: 'Share of words whose prediction has the sign of the feedback (inputs as of `tau`).',
    words: 'Words that predictions are compared on.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 900,
  estimate: ({ dictionaries, method, protocol, shuffles }) => {
    const usual = method === 'logistic' ? { faithful: 3, corrected: 20 } : { faithful: 10, corrected: 100 };
    const refits =
      typeof shuffles === 'number' ? shuffles : usual[protocol === 'faithful' ? 'faithful' : 'corrected'];
    const inputs = Array.isArray(dictionaries) ? 2 : 1;
    return { steps: inputs * (refits + 1), seconds: 8, memoryBytes: 8e8, dollars: 0 };
  },
};
