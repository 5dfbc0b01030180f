import { stream } from '../../ml/random/stream.ts';

/** Where a process dies when it comes there: see `reach` of bodies/record.mjs and `deadly` of worker.ts. */
export const POINTS = {
  'before-start': ['worker', 'server'],
  'in-step': ['self', 'worker', 'server'],
  'in-save': ['self', 'worker', 'server'],
  'checkpoint-stored': ['worker', 'server'],
  'outputs-stored': ['worker', 'server'],
  accepted: ['worker', 'server'],
  'in-fan-in': ['self', 'worker', 'server'],
} as const;

export type Point = keyof typeof POINTS;

export type Fault =
  /** SIGKILL. */
  | { do: 'kill'; what: 'worker' | 'child' | 'server'; host: number }
  /** SIGSTOP, and SIGCONT so much later. */
  | { do: 'pause'; what: 'worker' | 'child' | 'server'; host: number; seconds: number }
  | { do: 'cut' | 'silence'; host: number; seconds: number }
  | { do: 'slow'; host: number; seconds: number; delayMs: number; bytesPerSecond: number }
  | { do: 'fill-disk'; seconds: number }
  /** SIGTERM, and SIGKILL when the notice has run out. */
  | { do: 'spot'; host: number; noticeSeconds: number }
  /** The worker dies, and comes back on a machine whose clock is wrong. */
  | { do: 'skew-clock'; host: number; clockSeconds: number }
  /** Dies where it stands when it comes to a point. */
  | { do: 'shoot'; at: Point; victim: 'self' | 'worker' | 'server' }
  /** Everything dies in the moment in which the sweep goes over into a new run. */
  | { do: 'hand-over'; what: 'worker' | 'server' };

export interface Scheduled {
  /** Since the fault before was over. */
  afterSeconds: number;
  fault: Fault;
}

export interface ScheduleOptions {
  seed: number;
  hosts: number;
  /** What cannot be done on this machine. */
  without: ReadonlySet<Fault['do']>;
  heartbeatSeconds: number;
  /** The longest quiet between two faults. */
  quietSeconds: number;
}

/** Faults without end, the same for the same options: each kind once in every turn, in an order of its own. */
export function* schedule(options: ScheduleOptions): Generator<Scheduled> {
  const draw = stream(options.seed, 'chaos');
  for (;;) {
    const turn = faults(options, draw).filter((fault) => !options.without.has(fault.do));
    const order = turn.map((fault) => ({ fault, at: draw.uniform() })).sort((a, b) => a.at - b.at);
    for (const { fault } of order)
      yield { fault, afterSeconds: round(0.3 + draw.uniform() * options.quietSeconds) };
  }
}

/** The crash matrix: every named point, with every process that may die there. */
export function crashMatrix(): Fault[] {
  return (Object.keys(POINTS) as Point[]).flatMap((at) =>
    POINTS[at].map((victim): Fault => ({ do: 'shoot', at, victim })),
  );
}

function faults({ hosts, heartbeatSeconds }: ScheduleOptions, draw: { uniform(): number }): Fault[] {
  const between = (low: number, high: number) => round(low + (high - low) * draw.uniform());
  const host = () => Math.floor(draw.uniform() * hosts);
  const one = <T>(all: readonly T[]): T => all[Math.floor(draw.uniform() * all.length)] as T;
  // Longer than it takes to be given up for dead: it comes back while its successor runs.
  const long = () => between(1.2 * heartbeatSeconds, 2 * heartbeatSeconds);
  const short = () => between(0.5, heartbeatSeconds);
  return [
    ...(['worker', 'child', 'server'] as const).map((what): Fault => ({ do: 'kill', what, host: host() })),
    { do: 'pause', what: 'worker', host: host(), seconds: long() },
    { do: 'pause', what: 'child', host: host(), seconds: short() },
    { do: 'pause', what: 'server', host: 0, seconds: short() },
    { do: 'cut', host: host(), seconds: one([short, long])() },
    { do: 'silence', host: host(), seconds: one([short, long])() },
    { do: 'slow', host: host(), seconds: long(), delayMs: between(5, 100), bytesPerSecond: 100_000 },
    { do: 'fill-disk', seconds: short() },
    { do: 'spot', host: host(), noticeSeconds: between(2, 10) },
    { do: 'skew-clock', host: host(), clockSeconds: Math.round(between(-7200, 7200)) },
    ...(Object.keys(POINTS) as Point[]).map(
      (at): Fault => ({ do: 'shoot', at, victim: one<'self' | 'worker' | 'server'>(POINTS[at]) }),
    ),
    { do: 'hand-over', what: one(['worker', 'server'] as const) },
  ];
}

const round = (value: number): number => Math.round(100 * value) / 100;

/** One line: as it is printed, and read by people. */
export function inWords(fault: Fault): string {
  const { do: what, ...rest } = fault;
  return `${what} ${Object.entries(rest)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`;
}
