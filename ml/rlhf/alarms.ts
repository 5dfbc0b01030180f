/**
 * Signs that tuning has gone wrong, from the metrics of the last `window` steps (their means) beside those of the first:
 *
 *   kl-runaway        KL to the reference, in nats a token, above a limit
 *   collapse          distinct-2 of the completions below a share of that at the start: the policy repeats one reply
 *   length-blow-up    tokens of a completion above a multiple of those at the start
 *   value-divergence  value loss above a multiple of that at the start, while the values predict returns worse than a
 *                     constant would (explained variance below 0); only where there are values
 *
 * An alarm is raised when its condition begins to hold, and again only after it has ceased to. Limits are relative where what
 * is normal depends on model, reward and amount of text. Pure: what later steps depend on is in `save()`.
 */
export interface AlarmLimits {
  /** Steps that are looked at together; no alarm before so many are done. */
  window: number;
  /** Nats a token. */
  kl: number;
  /** Share of distinct-2 at the start. */
  distinct: number;
  /** Multiple of the length at the start. */
  length: number;
  /** Multiple of the value loss at the start. */
  valueLoss?: number | undefined;
}

export type AlarmName = 'kl-runaway' | 'collapse' | 'length-blow-up' | 'value-divergence';

/** Which field to change, by alarm: fields differ between algorithms. */
export type AlarmHints = Readonly<Partial<Record<AlarmName, string>>>;

export interface Alarm {
  alarm: AlarmName;
  /** The step that raised it, from 1, and the first of the window that ends with it. */
  step: number;
  from: number;
  /** What was seen, and the limit that it passed, in the same unit. */
  saw: number;
  limit: number;
  /** The whole of it in words. */
  message: string;
  hint: string;
}

/** The metrics that alarms look at. */
export interface Watched {
  kl: number;
  distinct_2: number;
  length: number;
  value_loss?: number;
  explained_variance?: number;
}

type Means = Required<Watched>;

export interface AlarmState {
  steps: number;
  /** Of the first window, as far as it has got. */
  start: Means[];
  recent: Means[];
  /** Those whose condition holds. */
  raised: AlarmName[];
}

export class Alarms {
  private state: AlarmState = { steps: 0, start: [], recent: [], raised: [] };

  constructor(
    private readonly limits: AlarmLimits,
    private readonly hints: AlarmHints,
  ) {}

  /** The alarms that one more step raises. */
  see(metrics: Watched): Alarm[] {
    const { window } = this.limits;
    const { start, recent } = this.state;
    this.state.steps++;
    const seen = watched(metrics);
    if (start.length < window) start.push(seen);
    recent.push(seen);
    if (recent.length > window) recent.shift();
    if (recent.length < window) return [];
    const findings = look(means(start), means(recent), this.limits);
    const raised = findings.filter(({ alarm }) => !this.state.raised.includes(alarm));
    this.state.raised = findings.map(({ alarm }) => alarm);
    return raised.map((finding) => this.alarm(finding));
  }

  save(): AlarmState {
    return structuredClone(this.state);
  }

  load(state: AlarmState): void {
    this.state = structuredClone(state);
  }

  private alarm({ alarm, saw, limit, words }: Finding): Alarm {
    const step = this.state.steps;
    const from = step - this.limits.window + 1;
    const over = from === step ? `in step ${step}` : `on average over steps ${from} to ${step}`;
    return {
      ...{ alarm, step, from, saw, limit },
      message: `${TITLES[alarm]}: ${words} ${over}, the limit is ${shown(limit)}`,
      hint: `${this.hints[alarm] ?? 'lower `learning-rate`'}; the limit is \`alarms.${FIELDS[alarm]}\``,
    };
  }
}

const TITLES: Record<AlarmName, string> = {
  'kl-runaway': 'The policy runs away from the reference',
  collapse: 'The policy collapses to one reply',
  'length-blow-up': 'Completions grow without bound',
  'value-divergence': 'The values diverge',
};

const FIELDS: Record<AlarmName, string> = {
  'kl-runaway': 'kl',
  collapse: 'distinct',
  'length-blow-up': 'length',
  'value-divergence': 'value-loss',
};

interface Finding {
  alarm: AlarmName;
  saw: number;
  limit: number;
  words: string;
}

function look(start: Means, now: Means, limits: AlarmLimits): Finding[] {
  const found: Finding[] = [];
  const kl = now.kl / now.length;
  if (kl > limits.kl) {
    const words = `its KL was ${shown(kl)} nats a token (${shown(now.kl)} a completion)`;
    found.push({ alarm: 'kl-runaway', saw: kl, limit: limits.kl, words });
  }
  const fewest = limits.distinct * start.distinct_2;
  if (now.distinct_2 < fewest) {
    const words = `distinct-2 of the completions was ${shown(now.distinct_2)} (${shown(start.distinct_2)} at the start)`;
    found.push({ alarm: 'collapse', saw: now.distinct_2, limit: fewest, words });
  }
  const longest = limits.length * start.length;
  if (now.length > longest) {
    const words = `a completion had ${shown(now.length)} tokens (${shown(start.length)} at the start)`;
    found.push({ alarm: 'length-blow-up', saw: now.length, limit: longest, words });
  }
  const largest = (limits.valueLoss ?? Number.POSITIVE_INFINITY) * start.value_loss;
  if (now.value_loss > largest && now.explained_variance < 0) {
    const words = `the value loss was ${shown(now.value_loss)} (${shown(start.value_loss)} at the start) and the explained variance ${shown(now.explained_variance)}`;
    found.push({ alarm: 'value-divergence', saw: now.value_loss, limit: largest, words });
  }
  return found;
}

/** Only these: a state holds no more than it needs. */
const watched = ({ kl, distinct_2, length, value_loss = 0, explained_variance = 0 }: Watched): Means => ({
  kl,
  distinct_2,
  length,
  value_loss,
  explained_variance,
});

function means(rows: readonly Means[]): Means {
  const over = (key: keyof Means) => rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
  return {
    kl: over('kl'),
    distinct_2: over('distinct_2'),
    length: over('length'),
    value_loss: over('value_loss'),
    explained_variance: over('explained_variance'),
  };
}

const shown = (value: number) => String(Number(value.toPrecision(3)));
