import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Estimate } from '../../ml/stats/types.ts';
import type { Task } from './child.ts';
import { Pool } from './pool.ts';
import type { Untuned } from './studies.ts';
import {
  ENOUGH_SEEDS,
  type Judged,
  judgeNull,
  judgePlanted,
  type Measures,
  type Verdict,
} from './verdict.ts';

const HELP = `npm run check:planted [-- --seeds N] [--planted N] [--first N] [--jobs N] [--json]

Two studies with a known answer, by the real steps, without a server.
  planted      a model is tuned on the words of a random half of the list, another half each seed; the analysis is told the
               whole list. Are the rewarded words found (AUC, interval over seeds), and by the controls not?
  no feedback  a model is trained on, on the same texts, and no more; each seed has texts, models and triples of its own. In
               how many seeds does the corrected protocol claim that feedback was learned? Limit: 5 %, by the exact upper
               bound (one-sided, 95 %), which takes ${ENOUGH_SEEDS} seeds without a claim.

  --seeds    of the study without feedback (default ${ENOUGH_SEEDS}; 0: leave it out)
  --planted  seeds of the planted study (default 5; 0: leave it out)
  --first    the first seed of each (default 0): others are a replication
  --jobs     seeds at a time, one thread each (default: the machine's cores, at most 4)
  --json     one line of JSON at the end, with every seed

Exits 0 only if what was asked is shown within the limits, 3 if nothing speaks against it but the seeds are too few to show it, 1 otherwise.
`;

interface Places {
  /** The built child.ts. */
  child: string;
  scratch: string;
}

const SAYS: Record<Verdict, string> = {
  shown: 'within the limits',
  'not-shown': 'NOT within the limits',
  'too-few-seeds': 'nothing speaks against it, but so few seeds cannot show it',
};

/** @returns the exit code */
export async function check(args: readonly string[], { child, scratch }: Places): Promise<number> {
  const asked = optionsOf(args);
  if (typeof asked === 'string') {
    process.stdout.write(asked);
    return args.includes('--help') ? 0 : 2;
  }
  const started = performance.now();
  const pool = new Pool(child, scratch, asked.jobs);
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  const show = (result: unknown, task: Task) => {
    if (task.study !== 'untuned') {
      process.stdout.write(
        `  ${seconds().padStart(6)}  ${lineOf(task.study, task.seed, result as Measures)}\n`,
      );
    }
  };
  const seedsOf = (count: number) => Array.from({ length: count }, (_, i) => asked.first + i);
  try {
    await pool.start();
    const judged: Judged[] = [];
    const kept: Record<string, unknown> = {};
    if (asked.planted > 0) {
      process.stdout.write(`A planted truth, ${asked.planted} seeds\n`);
      const [untuned] = (await pool.all([{ study: 'untuned', directory: scratch }], show)) as [Untuned];
      const tasks = seedsOf(asked.planted).map((seed): Task => {
        return { study: 'planted', directory: scratch, seed, untuned };
      });
      kept.planted = await pool.all(tasks, show);
      judged.push(judgePlanted(kept.planted as Measures[]));
      process.stdout.write(plantedText(judged[0] as Judged));
    }
    if (asked.seeds > 0) {
      process.stdout.write(`\nNo feedback, ${asked.seeds} seeds\n`);
      const tasks = seedsOf(asked.seeds).map((seed): Task => ({ study: 'null', directory: scratch, seed }));
      kept.null = await pool.all(tasks, show);
      const result = judgeNull(kept.null as Measures[]);
      judged.push(result);
      process.stdout.write(nullText(result));
    }
    process.stdout.write(`\n${seconds()}, ${asked.jobs} at a time\n`);
    if (asked.json) process.stdout.write(`${JSON.stringify({ judged, seeds: kept })}\n`);
    const verdicts = judged.map(({ verdict }) => verdict);
    if (verdicts.includes('not-shown')) return 1;
    return verdicts.includes('too-few-seeds') ? 3 : 0;
  } finally {
    pool.end();
  }
}

function optionsOf(args: readonly string[]) {
  const text = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: text(ENOUGH_SEEDS),
      planted: text(5),
      first: text(0),
      jobs: text(Math.min(4, availableParallelism())),
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return HELP;
  const { json } = values;
  const [seeds, planted, first, jobs] = [values.seeds, values.planted, values.first, values.jobs].map(
    Number,
  ) as [number, number, number, number];
  const whole = [seeds, planted, first, jobs].every((n) => Number.isInteger(n) && n >= 0);
  if (!whole || jobs < 1 || seeds + planted < 1) {
    return `The options take whole numbers; at least one study needs a seed, and --jobs 1.\n\n${HELP}`;
  }
  return { seeds, planted, first, jobs, json };
}

const number = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(3));
const percent = (value: number | undefined) => (value === undefined ? '–' : `${(100 * value).toFixed(1)} %`);

function lineOf(study: string, seed: number, of: Measures): string {
  const said = (claimed: number | undefined) => (claimed === 1 ? 'claimed' : 'not claimed');
  return study === 'planted'
    ? `seed ${seed}: AUC ${number(of.raw_auc_gap)} (features ${number(of.sae_auc_gap)}; before tuning ${number(of.raw_auc_base)}, random ${number(of.raw_auc_random)}); reward ${number(of.reward_before)} -> ${number(of.reward_after)}`
    : `seed ${seed}: corrected ${said(of.found)}, as published ${said(of.found_faithful)}`;
}

function row(what: string, estimate: Estimate | undefined, write: typeof number): string {
  if (!estimate) return '';
  const { value, ci_low, ci_high, n } = estimate;
  return `  ${what.padEnd(66)} ${write(value)} [${write(ci_low)}, ${write(ci_high)}], ${n} seeds\n`;
}

function plantedText({ estimates, verdict }: Judged): string {
  const inputs = [
    ['raw', 'activations'],
    ['sae', 'dictionary features'],
  ] as const;
  return [
    '  AUC for rewarded words, mean over seeds [95 %]; 0.5 is chance\n',
    ...inputs.flatMap(([key, name]) => [
      row(`${name}: corrected, tuned minus before tuning`, estimates[`${key}_auc_gap`], number),
      row(`${name}: the model before tuning (control)`, estimates[`${key}_auc_base`], number),
      row(`${name}: a random model (control)`, estimates[`${key}_auc_random`], number),
      row(`${name}: as published, tuned`, estimates[`${key}_auc_faithful_tuned`], number),
    ]),
    '  words given their sign as published, which it would call learned\n',
    row('activations: rewarded', estimates.raw_claimed_faithful_rewarded, percent),
    row('activations: never rewarded', estimates.raw_claimed_faithful_unrewarded, percent),
    '  share of seeds in which it is claimed that feedback was learned [exact, 95 %]\n',
    ...inputs.flatMap(([key, name]) => [
      row(`${name}: corrected`, estimates[`${key}_found`], percent),
      row(`${name}: as published`, estimates[`${key}_found_faithful`], percent),
    ]),
    `  ${SAYS[verdict]}\n`,
  ].join('');
}

function nullText({ estimates, verdict }: Judged): string {
  return [
    '  share of seeds in which it is claimed that feedback was learned\n',
    row('corrected: false-positive rate [exact; upper end one-sided 95 %]', estimates.found, percent),
    row('as published [exact, 95 %]', estimates.found_faithful, percent),
    `  ${SAYS[verdict]}\n`,
  ].join('');
}
