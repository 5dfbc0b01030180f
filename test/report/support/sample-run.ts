import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../../../compiler/plan/types.ts';
import type { FeatureSet } from '../../../ml/features/types.ts';
import { type ReportPoint, ReportRun } from '../../../report/run.ts';
import type { Table } from '../../../store/table.ts';
import type { Json, Metric, PointRecord } from '../../../store/types.ts';

/** Text that would run or break out where it is not escaped. */
export const HOSTILE = `</script><img src=x onerror="window.hit=1">"'&`;

/** A run with something of every section that people look at, small enough to be drawn in a second. */
export class SampleRun {
  readonly directory = mkdtempSync(join(tmpdir(), 'plumb-sample-'));
  private made = 0;

  /** An accepted point; `files`: output -> [file name, content]. */
  accepted(
    step: string,
    kind: string,
    metrics: Record<string, Metric>,
    { params = {}, outputs = {}, files = {}, axes = {} }: Given = {},
  ): ReportPoint {
    const directories: Record<string, string> = {};
    for (const [output, [file, content]] of Object.entries(files)) {
      const folder = join(this.directory, String(this.made++));
      mkdirSync(folder);
      writeFileSync(join(folder, file), JSON.stringify(content));
      directories[output] = folder;
    }
    const labels = Object.entries(axes).map(([name, value]) => `${name}=${value}`);
    const id = labels.length > 0 ? `${step}[${labels.join(',')}]` : step;
    const record = {
      key: `${this.made}`.padStart(4, '0').repeat(16),
      kind,
      kindVersion: 1,
      params,
      seed: 0,
      outputs,
      metrics,
      run: { id: 'sample', experiment: 'sample', step, point: id },
      environment: { node: 'v20' },
      usage: { peakMemoryBytes: 1, cpuSeconds: 1 },
      startedAt: '',
      finishedAt: '',
      seconds: 1,
      attempts: 1,
      dollars: 0,
    } as PointRecord;
    return { step, id, kind, status: 'accepted', axes, seed: 0, record, directories };
  }

  make(): ReportRun {
    const features = { $artifact: 'features', digest: 'f'.repeat(64), from: 'classes' } as const;
    return new ReportRun('sample-0123456789ab', plan, [
      this.accepted('evaluation', 'model.evaluate', {
        reward_before: interval(0.1, 0, 0.2, 192, 'prompt'),
        reward_after: interval(1.5, 1.2, 1.8, 192, 'prompt'),
        reward_gain: interval(1.4, 1.1, 1.7, 192, 'prompt'),
      }),
      this.accepted(
        'tuned',
        'rlhf.ppo',
        { alarms: { value: 0 } },
        { files: { history: ['table.json', history] } },
      ),
      this.accepted(
        'readout',
        'probe.evaluate',
        {
          tau_tuned: interval(0.4, 0.33, 0.46, 533, 'word family'),
          tau_base: interval(0.35, 0.28, 0.41, 533, 'word family'),
          // The interval alone would leave out 0.
          lfp_gap: { ...interval(0.05, 0.01, 0.12, 533, 'word family'), p_value: 0.17 },
        },
        { files: { table: ['table.json', words], predictions: ['table.json', words] } },
      ),
      this.accepted(
        'classes',
        'features.classify',
        { failed: { value: 2 } },
        { outputs: { features }, files: { features: ['features.json', featureSet] } },
      ),
      this.accepted(
        'ablation',
        'features.ablate',
        {
          effect: interval(-0.3, -0.4, -0.2, 192, 'prompt'),
          effect_matched: interval(-0.1, -0.2, 0, 192, 'prompt'),
          effect_over_matched: interval(-0.2, -0.3, -0.1, 192, 'prompt'),
          features_removed: { value: 3 },
        },
        { params: { features: { ...features } } },
      ),
      {
        step: 'saes',
        id: 'saes[layer=3,note=a b]',
        kind: 'sae.train',
        status: 'failed',
        axes: { layer: 3 },
        seed: 0,
        directories: {},
        error: { code: 'nan-loss', message: `loss is NaN ${HOSTILE}`, hint: 'lower learning-rate' },
      },
    ]);
  }
}

interface Given {
  params?: Record<string, Json>;
  outputs?: PointRecord['outputs'];
  files?: Record<string, [file: string, content: unknown]>;
  axes?: Record<string, Json>;
}

const interval = (value: number, low: number, high: number, n: number, unit: string): Metric => ({
  value,
  ci_low: low,
  ci_high: high,
  level: 0.95,
  n,
  n_unit: unit,
});

const plan: Plan = {
  format: 1,
  name: 'sample',
  description: `Is it ${HOSTILE} so?`,
  digest: 'd'.repeat(64),
  source: { path: 'specs/sample.yaml', sha256: 'e'.repeat(64) },
  seeds: [0],
  inputs: {},
  paths: {},
  feedback: { kind: 'lexicon', lexicon: 'vader' },
  steps: [],
  expect: [],
};

const history: Table = {
  id: 'history',
  title: 'History',
  caption: '',
  columns: [{ key: 'step', label: 'step', format: 'integer' }],
  rows: [1, 2, 3, 4].map((step) => ({ step, reward: step / 4, kl: step, entropy: 3 - step / 4 })),
};

/** Longer than a page carries in full. */
const words: Table = {
  id: 'words',
  title: 'Word by word',
  caption: 'Every held-out word.',
  columns: [
    { key: 'word', label: 'word' },
    { key: 'value', label: 'feedback given', format: 'number', definition: 'What the list says.' },
    { key: 'prediction', label: 'prediction', format: 'number' },
    { key: 'model', label: 'model' },
  ],
  rows: Array.from({ length: 1200 }, (_, i) => ({
    word: i === 0 ? HOSTILE : `word${i}`,
    value: ((i * 37) % 80) / 10 - 4,
    prediction: ((i * 53) % 90) / 30 - 1.5,
    model: i % 2 ? 'tuned' : 'base',
  })),
};

const example = (quantile: number) => ({
  tokens: ['a', ' story', ' of', ' pure', ' delight', HOSTILE, ' and', ' more'],
  activations: [0, 0, 0.2, 1, 2, 0.5, 0, 0],
  quantile,
  text: 0,
  draw: 'top' as const,
});

const featureSet: FeatureSet = {
  labeller: { type: 'lexicon', name: 'vader', note: 'Descriptions come from the word list.' },
  protocol: 'corrected',
  prompt: 'modern',
  split: { explaining: 10, scoring: 10 },
  task: 'sentiment',
  dictionaries: [
    { digest: '1', from: 'saes[layer=2]', layer: 2, width: 8, features: 32, means: [], densities: [] },
  ],
  features: [0, 1, 2].map((feature) => ({
    dictionary: 0,
    layer: 2,
    feature,
    density: 0.04,
    max: 2,
    mean: 0.02,
    examples: [example(1), example(0.5)],
    heldOut: [],
    silent: [],
    hard: [],
    logits: {
      raised: [
        { token: ' great', effect: 1.25 },
        { token: '\u0000', effect: 1 },
      ],
      lowered: [{ token: HOSTILE, effect: -0.75 }],
    },
    explanation: { status: 'labelled', text: `praise ${HOSTILE}` },
    scores: {
      detection: {
        own: interval(0.8, 0.7, 0.9, 40, 'window') as Metric & { n: number; n_unit: string },
        shuffled: 0.5,
      },
    },
    relation: { status: 'labelled', answer: feature === 2 ? 'unrelated' : 'related', reason: 'It praises.' },
  })),
};
