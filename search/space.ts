import type { Dimension, Space, Value } from './types.ts';

/**
 * Values and the unit interval. Numbers are spread evenly over [0, 1], in their logarithm where `log` says so; each integer
 * owns an equal share of it, from half a step below to half a step above (so that the ends are as likely as the rest); a
 * category owns 1 / choices.
 */

export type Numeric = Exclude<Dimension, { type: 'categorical' }>;

export const isNumeric = (dimension: Dimension): dimension is Numeric => dimension.type !== 'categorical';

/** The largest integer on the grid. */
export function lastOf(dimension: Extract<Dimension, { type: 'integer' }>): number {
  return dimension.low + Math.floor((dimension.high - dimension.low) / dimension.step) * dimension.step;
}

/** How many values a dimension has: Infinity for a real one that is not a single point. */
export function sizeOf(dimension: Dimension): number {
  if (dimension.type === 'categorical') return dimension.choices.length;
  if (dimension.type === 'integer') return (lastOf(dimension) - dimension.low) / dimension.step + 1;
  return dimension.low === dimension.high ? 1 : Infinity;
}

/** The value of an integer dimension at a place of its grid. */
export function gridValue(dimension: Extract<Dimension, { type: 'integer' }>, index: number): number {
  return dimension.low + index * dimension.step;
}

/** What an integer owns: half a step to either side; below the first, in a logarithmic dimension, not as far as 0. */
export function cellOf(dimension: Extract<Dimension, { type: 'integer' }>, value: number): [number, number] {
  const { low, log, step } = dimension;
  const left = log && value === low ? Math.max(low - step / 2, low / 2) : value - step / 2;
  return [left, value + step / 2];
}

/** The interval in which a number lives, in logarithms where the dimension has them, with the cells of the ends whole. */
export function boundsOf(dimension: Numeric): [number, number] {
  const scale = dimension.log ? Math.log : (x: number) => x;
  if (dimension.type === 'real') return [scale(dimension.low), scale(dimension.high)];
  return [scale(cellOf(dimension, dimension.low)[0]), scale(cellOf(dimension, lastOf(dimension))[1])];
}

/** A number back on its grid and within its bounds. */
export function settle(dimension: Numeric, value: number): number {
  if (dimension.type === 'real') return Math.min(Math.max(value, dimension.low), dimension.high);
  const places = Math.round((value - dimension.low) / dimension.step);
  return gridValue(dimension, Math.min(Math.max(places, 0), sizeOf(dimension) - 1));
}

/** The place of a value in [0, 1]; 0.5 where there is only one. */
export function toUnit(dimension: Dimension, value: Value): number {
  if (dimension.type === 'categorical')
    return (choiceIndex(dimension, value) + 0.5) / dimension.choices.length;
  const [low, high] = boundsOf(dimension);
  if (low === high) return 0.5;
  return (
    ((dimension.log ? Math.log(numberOf(dimension, value)) : numberOf(dimension, value)) - low) / (high - low)
  );
}

/** The value at a place in [0, 1]. */
export function fromUnit(dimension: Dimension, unit: number): Value {
  if (dimension.type === 'categorical') {
    const last = dimension.choices.length - 1;
    return dimension.choices[Math.min(Math.floor(unit * (last + 1)), last)] as Value;
  }
  const [low, high] = boundsOf(dimension);
  const place = low + unit * (high - low);
  return settle(dimension, dimension.log ? Math.exp(place) : place);
}

export function choiceIndex(dimension: Extract<Dimension, { type: 'categorical' }>, value: Value): number {
  const index = dimension.choices.indexOf(value);
  if (index < 0) throw new RangeError(`search: ${dimension.name} has no choice ${JSON.stringify(value)}`);
  return index;
}

export function numberOf(dimension: Numeric, value: Value | undefined): number {
  if (typeof value === 'number') return value;
  throw new RangeError(`search: ${dimension.name} is a number, not ${JSON.stringify(value)}`);
}

/** The value that a trial has for a dimension. */
export function valueIn(values: Record<string, Value>, dimension: Dimension): Value {
  const value = values[dimension.name];
  if (value === undefined) throw new RangeError(`search: a trial has no value for ${dimension.name}`);
  return value;
}

/** One clear error for a space that cannot be searched. */
export function checkSpace(space: Space): void {
  if (space.length === 0) throw new RangeError('search: the space has no dimensions');
  const names = new Set<string>();
  for (const dimension of space) {
    const { name } = dimension;
    const wrong = (what: string) => new RangeError(`search: ${name} ${what}`);
    if (names.has(name)) throw wrong('is there twice');
    names.add(name);
    if (dimension.type === 'categorical') {
      if (dimension.choices.length === 0) throw wrong('has no choices');
      if (new Set(dimension.choices).size < dimension.choices.length) throw wrong('has a choice twice');
      continue;
    }
    const { low, high, log } = dimension;
    if (!(Number.isFinite(low) && Number.isFinite(high)))
      throw wrong('has a bound that is not a finite number');
    if (low > high) throw wrong(`is empty: low ${low} is above high ${high}`);
    if (log && low <= 0) throw wrong(`is logarithmic: low must be above 0, and is ${low}`);
    if (dimension.type === 'real') continue;
    if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high)))
      throw wrong('has bounds that are not whole numbers');
    if (!(Number.isSafeInteger(dimension.step) && dimension.step >= 1))
      throw wrong('has a step below 1 or not whole');
  }
}
