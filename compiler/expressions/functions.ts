import {
  available,
  EvaluationError,
  identity,
  numberOf,
  PointsValue,
  PointValue,
  plain,
  UNKNOWN,
  type Value,
} from '../plan/value.ts';

/** A function of the expression language: what it takes and gives is checked by `check.ts`, by its signature. */
export interface ExpressionFunction {
  /** For docs and hints: `mean(list)`. */
  usage: string;
  summary: string;
  /** Types of arguments; the last one repeats when `variadic`. */
  parameters: Parameter[];
  variadic?: boolean;
  result: 'number' | 'integer' | 'string' | 'boolean' | 'list of integer' | 'same list';
  /** Pure. A part that is UNKNOWN makes the result UNKNOWN. */
  evaluate(args: Value[], source: string): Value;
}

export type Parameter = 'number' | 'integer' | 'numbers' | 'string' | 'list' | 'list or string' | 'any';

/** `select` and the conversions that the compiler adds are in compiler/plan/evaluate.ts: they need to see the points. */
export const FUNCTIONS: Readonly<Record<string, ExpressionFunction>> = {
  length: {
    usage: 'length(list)',
    summary: 'How many elements a list, or characters a text, has.',
    parameters: ['list or string'],
    result: 'integer',
    evaluate: ([value]) => {
      const items = typeof value === 'string' ? [...value] : itemsOf(value);
      return items === UNKNOWN ? UNKNOWN : items.length;
    },
  },
  min: {
    usage: 'min(list) or min(a, b, ...)',
    summary: 'The smallest number.',
    parameters: ['numbers'],
    variadic: true,
    result: 'number',
    evaluate: (args, source) => over(args, source, (numbers) => numbers.reduce((a, b) => Math.min(a, b))),
  },
  max: {
    usage: 'max(list) or max(a, b, ...)',
    summary: 'The largest number.',
    parameters: ['numbers'],
    variadic: true,
    result: 'number',
    evaluate: (args, source) => over(args, source, (numbers) => numbers.reduce((a, b) => Math.max(a, b))),
  },
  sum: {
    usage: 'sum(list)',
    summary: 'The sum of a list of numbers.',
    parameters: ['numbers'],
    result: 'number',
    evaluate: (args, source) => over(args, source, sum),
  },
  mean: {
    usage: 'mean(list)',
    summary: 'The mean of a list of numbers.',
    parameters: ['numbers'],
    result: 'number',
    evaluate: (args, source) => over(args, source, (numbers) => sum(numbers) / numbers.length),
  },
  abs: rounding('abs', 'The absolute value.', Math.abs, 'number'),
  round: rounding('round', 'The nearest integer; halves go up.', Math.round),
  floor: rounding('floor', 'The largest integer that is not larger.', Math.floor),
  ceil: rounding('ceil', 'The smallest integer that is not smaller.', Math.ceil),
  contains: {
    usage: 'contains(list, value) or contains(text, part)',
    summary: 'Whether a list has a value, or a text a part.',
    parameters: ['list or string', 'any'],
    result: 'boolean',
    evaluate: ([within, wanted]) => {
      if (typeof within === 'string') return within.includes(String(wanted));
      const items = itemsOf(within);
      const same = identity(wanted);
      if (items === UNKNOWN || same === UNKNOWN) return UNKNOWN;
      const known = items.map((item) => identity(item));
      return known.includes(same) || (known.includes(UNKNOWN) ? UNKNOWN : false);
    },
  },
  format: {
    usage: "format('layer {0}', value, ...)",
    summary: 'A text with {0}, {1} ... replaced by the values that follow.',
    parameters: ['string', 'any'],
    variadic: true,
    result: 'string',
    evaluate: ([template, ...values], source) => {
      if (template === UNKNOWN || values.includes(UNKNOWN)) return UNKNOWN;
      return String(template).replaceAll(/\{(\d+)\}/g, (_, index) => {
        const value = values[Number(index)];
        if (value === undefined)
          throw new EvaluationError('no-value', `${source} has no value for {${index}}`);
        return text(value);
      });
    },
  },
  join: {
    usage: "join(list, ', ')",
    summary: 'The elements of a list as one text.',
    parameters: ['list', 'string'],
    result: 'string',
    evaluate: ([list, separator]) => {
      const items = itemsOf(list);
      if (items === UNKNOWN || items.includes(UNKNOWN)) return UNKNOWN;
      return items.map(text).join(String(separator ?? ','));
    },
  },
  unique: {
    usage: 'unique(list)',
    summary: 'A list without its repetitions, in the order of first appearance.',
    parameters: ['list'],
    result: 'same list',
    evaluate: ([list]) => {
      const items = itemsOf(list);
      if (items === UNKNOWN) return UNKNOWN;
      const names = items.map((item) => identity(item));
      if (names.includes(UNKNOWN)) return UNKNOWN;
      return items.filter((_, i) => names.indexOf(names[i]!) === i);
    },
  },
  range: {
    usage: 'range(n) or range(from, to)',
    summary: 'The integers from 0 (or `from`) up to, but without, the last argument.',
    parameters: ['integer'],
    variadic: true,
    result: 'list of integer',
    evaluate: (args, source) =>
      over(args, source, (numbers) => {
        const [from, to] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
        if (to - from > 10_000)
          throw new EvaluationError('no-value', `${source} has more than 10000 elements`);
        return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
      }),
  },
  /** Stands for a part in which something is wrong: nothing more is said about it. */
  $unknown: { usage: '', summary: '', parameters: [], result: 'same list', evaluate: () => UNKNOWN },
  /** Added by the compiler for a path with expressions in it. */
  $concat: {
    usage: '',
    summary: '',
    parameters: ['any'],
    variadic: true,
    result: 'string',
    evaluate: (args) => (args.includes(UNKNOWN) ? UNKNOWN : args.map(text).join('')),
  },
  /** Added by the compiler where a list is wanted and one value is given. */
  $list: {
    usage: '',
    summary: '',
    parameters: ['any'],
    result: 'same list',
    evaluate: ([value]) =>
      Array.isArray(value) || value instanceof PointsValue || value === UNKNOWN ? value : [value],
  },
  /** Added by the compiler where one value is wanted and a selection is given. */
  $single: {
    usage: '',
    summary: '',
    parameters: ['any'],
    result: 'same list',
    evaluate: ([value], source) => {
      if (value === UNKNOWN || (!Array.isArray(value) && !(value instanceof PointsValue))) return value;
      const items = Array.isArray(value) ? value : value.values();
      if (items.length === 1) return items[0];
      throw new EvaluationError(
        'not-one-point',
        `${source} has ${items.length} points, and one is needed here`,
        'Name more axes in select, or make this step a matrix over them.',
      );
    },
  },
};

/** Names that can be written. */
export const FUNCTION_NAMES: readonly string[] = [
  'select',
  ...Object.keys(FUNCTIONS).filter((name) => name[0] !== '$'),
];

function rounding(
  name: string,
  summary: string,
  apply: (x: number) => number,
  result: 'integer' | 'number' = 'integer',
): ExpressionFunction {
  return {
    usage: `${name}(number)`,
    summary,
    parameters: ['number'],
    result,
    evaluate: (args, source) => over(args, source, ([x]) => apply(x!)),
  };
}

function itemsOf(value: Value): Value[] | typeof UNKNOWN {
  if (value instanceof PointsValue) return available(value);
  const data = value instanceof PointValue ? plain(value) : value;
  return data === UNKNOWN ? UNKNOWN : Array.isArray(data) ? (data as Value[]) : [data as Value];
}

/** Applies `compute` to all numbers of the arguments, lists taken apart. */
function over(args: Value[], source: string, compute: (numbers: number[]) => Value): Value {
  const numbers: number[] = [];
  for (const arg of args) {
    const items = itemsOf(arg);
    if (items === UNKNOWN) return UNKNOWN;
    for (const item of items) {
      const data = item instanceof PointValue ? plain(item) : item;
      if (data === UNKNOWN) return UNKNOWN;
      const found = numberOf(data as Value);
      if (found === undefined)
        throw new EvaluationError('no-value', `${source} meets something that is not a number`);
      numbers.push(found);
    }
  }
  if (numbers.length === 0) throw new EvaluationError('no-value', `${source} has no numbers to work on`);
  return compute(numbers);
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

function text(value: Value): string {
  const found = numberOf(value);
  if (found !== undefined) return String(found);
  const data = value instanceof PointValue ? value.label : plain(value);
  return typeof data === 'string' ? data : JSON.stringify(data);
}
