import type { Space, Value } from '../../search/types.ts';

/** Functions whose minimum is known; `peer.py` has the same. */
export interface TestFunction {
  space: Space;
  minimum: number;
  at(values: Record<string, Value>): number;
}

const real = (name: string, low: number, high: number) => ({
  name,
  type: 'real' as const,
  low,
  high,
  log: false,
});

function branin(x: number, y: number): number {
  const b = 5.1 / (4 * Math.PI * Math.PI);
  return (y - b * x * x + (5 / Math.PI) * x - 6) ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
}

const HARTMANN_ALPHA = [1, 1.2, 3, 3.2];
const HARTMANN_A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const HARTMANN_P = [
  [1312, 1696, 5569, 124, 8283, 5886],
  [2329, 4135, 8307, 3736, 1004, 9991],
  [2348, 1451, 3522, 2883, 3047, 6650],
  [4047, 8828, 8732, 5743, 1091, 381],
];

function hartmann(x: readonly number[]): number {
  return -HARTMANN_ALPHA.reduce((sum, alpha, i) => {
    const [a, p] = [HARTMANN_A[i] as number[], HARTMANN_P[i] as number[]];
    return (
      sum +
      alpha * Math.exp(-x.reduce((s, v, j) => s + (a[j] as number) * (v - (p[j] as number) / 1e4) ** 2, 0))
    );
  }, 0);
}

function rosenbrock(x: readonly number[]): number {
  return x
    .slice(1)
    .reduce(
      (sum, next, i) => sum + 100 * (next - (x[i] as number) ** 2) ** 2 + (1 - (x[i] as number)) ** 2,
      0,
    );
}

function ackley(x: readonly number[]): number {
  const squares = x.reduce((sum, v) => sum + v * v, 0) / x.length;
  const cosines = x.reduce((sum, v) => sum + Math.cos(2 * Math.PI * v), 0) / x.length;
  return -20 * Math.exp(-0.2 * Math.sqrt(squares)) - Math.exp(cosines) + 20 + Math.E;
}

const numbers = (values: Record<string, Value>) => Object.values(values) as number[];
const VARIANT_SHIFT: Record<string, number> = { a: 1.5, b: 0, c: 2, d: 3 };

export const FUNCTIONS: Record<string, TestFunction> = {
  branin: {
    space: [real('x', -5, 10), real('y', 0, 15)],
    minimum: 0.39788735772973816,
    at: ({ x, y }) => branin(x as number, y as number),
  },
  'hartmann-6': {
    space: Array.from({ length: 6 }, (_, i) => real(`x${i}`, 0, 1)),
    minimum: -3.322368011415515,
    at: (values) => hartmann(numbers(values)),
  },
  'rosenbrock-4': {
    space: Array.from({ length: 4 }, (_, i) => real(`x${i}`, -2.048, 2.048)),
    minimum: 0,
    at: (values) => rosenbrock(numbers(values)),
  },
  /** A training's settings: Ackley of a logarithmic, two integer and a categorical dimension. */
  'ackley-mixed': {
    space: [
      { name: 'rate', type: 'real', low: 1e-6, high: 1, log: true },
      { name: 'width', type: 'integer', low: 4, high: 1024, log: true, step: 1 },
      { name: 'depth', type: 'integer', low: 1, high: 8, log: false, step: 1 },
      { name: 'variant', type: 'categorical', choices: ['a', 'b', 'c', 'd'] },
    ],
    minimum: 0,
    at: ({ rate, width, depth, variant }) =>
      ackley([
        Math.log10(rate as number) + 3,
        Math.log2((width as number) / 64),
        (depth as number) - 3,
        VARIANT_SHIFT[variant as string] as number,
      ]),
  },
};
