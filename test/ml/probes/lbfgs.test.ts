import { expect, test } from 'vitest';
import { lbfgs } from '../../../ml/probes/algebra/lbfgs.ts';

/** sum_j c_j (x_j - j)^2 / 2 + (x_j - j)^4 / 4, with curvatures over four orders of magnitude. */
const curvatures = Array.from({ length: 30 }, (_, j) => 10 ** (-2 + (4 * j) / 29));
function bowl(point: Float64Array, gradient: Float64Array): number {
  let value = 0;
  curvatures.forEach((c, j) => {
    const away = (point[j] as number) - j;
    gradient[j] = c * away + away ** 3;
    value += (c * away ** 2) / 2 + away ** 4 / 4;
  });
  return value;
}

test('finds the minimum of a badly scaled bowl', () => {
  let looks = 0;
  const found = lbfgs(
    new Float64Array(30),
    (point, gradient) => {
      looks++;
      return bowl(point, gradient);
    },
    { goal: 1e-6, rounding: 0, evaluations: 500 },
  );
  found.forEach((x, j) => {
    expect(x).toBeCloseTo(j, 3);
  });
  expect(looks).toBeLessThan(450);
});

test('stops where it is told to, and where it stands if it starts at the minimum', () => {
  const gradient = new Float64Array(30);
  const minimum = Float64Array.from(curvatures.keys());
  expect(lbfgs(minimum, bowl, { goal: 1e-9, rounding: 0 })).toEqual(minimum);
  const start = bowl(new Float64Array(30), gradient);
  const near = lbfgs(new Float64Array(30), bowl, { goal: 1e-9, rounding: 0, evaluations: 8 });
  expect(bowl(near, gradient)).toBeLessThan(start / 10);
});
