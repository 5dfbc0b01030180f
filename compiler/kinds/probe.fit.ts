import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'probe.fit',
  version: 3,
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
    selectivity:
      'Tau on words that were fitted, minus the mean tau when each word is given the value of another at random (the control task of Hewitt and Liang, 2019; inputs as of `tau`). Corrected probes only.',
    sign_accuracy: 'Share of words whose prediction has the sign of the feedback (inputs as of `tau`).',
    words: 'Words that predictions are compared on.',
  },
  queue: 'cpu',
  retry: { attempts: 4, backoffSeconds: 5 },
  timeoutSeconds: 3600,
  stallSeconds: 900,
  estimate: ({ dictionaries, method, protocol, shuffles, inputs }) => {
    const faithful = protocol === 'faithful';
    const classifies = method === 'logistic' || method === 'logistic-l1';
    const fast = method === undefined || method === 'ridge' || method === 'logistic';
    const usual = faithful ? (classifies ? 3 : 10) : fast ? 200 : 20;
    const refits = typeof shuffles === 'number' ? shuffles : usual;
    // Beside what is asked for, what enters layer 0.
    const read = 1 + (Array.isArray(inputs) ? inputs.length : Array.isArray(dictionaries) ? 2 : 1);
    return { steps: read * (refits + 1), seconds: 20, memoryBytes: 8e8, dollars: 0 };
  },
};
