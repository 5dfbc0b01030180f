import { describe, expect, test } from 'vitest';
import { evaluateExpectation } from '../../../compiler/plan/verdict.ts';
import { BASE, experiment, planOf } from '../compiling.ts';
import { accepted, artifact, failed, walk } from './running.ts';

const EVALUATION = `${BASE}evaluation:
  uses: model.evaluate
  matrix: { count: [16, 32] }
  with: { model: "\${{ steps.base }}", base: "\${{ steps.base }}", prompts: "\${{ steps.reviews }}", reward: "\${{ feedback }}", count: "\${{ matrix.count }}" }
`;

/** The verdicts on a check, when the evaluation with `count` prompts measured `count + seed`. */
function verdicts(check: string, { seeds = [0], fail = false } = {}) {
  const plan = planOf(
    `${experiment(EVALUATION, `seeds: ${JSON.stringify(seeds)}\n`)}expect:\n  - { name: it, check: ${JSON.stringify(check)} }\n`,
  );
  const { states } = walk(plan, (point) => {
    if (point.step !== 'evaluation') {
      return accepted(point, {
        [point.step === 'base' ? 'model' : 'texts']: artifact(
          point.step === 'base' ? 'model' : 'texts',
          point.key,
        ),
      });
    }
    if (fail && point.axes.count === 32) return failed(point);
    const value = Number(point.axes.count) + point.seed!;
    return accepted(point, {}, { reward_after: { value, ci_low: value - 1, ci_high: value + 1 } });
  });
  return evaluateExpectation(plan, plan.expect[0]!, states);
}

test.each([
  ["select(steps.evaluation, 'count', 16).metrics.reward_after.ci_low > 14", true],
  ['steps.evaluation[32].metrics.reward_after > steps.evaluation[16].metrics.reward_after', true],
  [
    'steps.evaluation[32].metrics.reward_after.ci_low > steps.evaluation[32].metrics.reward_after.ci_high',
    false,
  ],
  ['mean(steps.evaluation.metrics.reward_after) == 24', true],
  ['max(steps.evaluation.metrics.reward_after.ci_high) == 33', true],
  ['length(steps.evaluation) == 2 && contains(steps.evaluation.matrix.count, 16)', true],
  ["join(steps.evaluation.matrix.count, '+') == '16+32'", true],
  ['steps.evaluation.metrics.reward_after[1] == 32', true],
  ['abs(-2.5) == 2.5 && round(2.5) == 3 && floor(-0.5) == -1 && ceil(0.2) == 1', true],
  ['sum(range(1, 5)) == 10 && min(3, 2, 4) == 2 && 7 % 4 == 3', true],
  ["format('{1}-{0}', 'a', 2) == '2-a' && contains('abc', 'b') && length('😀a') == 2", true],
  ['length(unique(steps.evaluation.metrics.reward_after)) == 2', true],
  ["'a' < 'b' && !('b' <= 'a')", true],
  ["steps.evaluation[16] == 'evaluation[count=16]'", true],
  ['false && steps.evaluation[16].metrics.reward_after / 0 > 1', false],
])('%s is %s', (check, held) => {
  expect(verdicts(check)).toMatchObject([{ held }]);
});

describe('a verdict', () => {
  test('comes once a seed, each from its own points', () => {
    const found = verdicts('steps.evaluation[16].metrics.reward_after > 18', { seeds: [1, 3] });
    expect(found.map(({ seed, held }) => [seed, held])).toEqual([
      [1, false],
      [3, true],
    ]);
  });

  test('comes once when nothing of it runs per seed', () => {
    expect(verdicts('1 < 2', { seeds: [1, 3] })).toEqual([{ seed: null, held: true, values: {} }]);
  });

  test('says what it looked at', () => {
    const [found] = verdicts(
      'steps.evaluation[16].metrics.reward_after.ci_low > 0 || steps.evaluation[32].metrics.reward_after.n > 0',
    );
    expect(found!.values).toMatchObject({ 'steps.evaluation[16].metrics.reward_after.ci_low': 15 });
  });

  test('says it of what select finds, and not of the whole step', () => {
    const [found] = verdicts("select(steps.evaluation, 'count', 32).metrics.reward_after.ci_low > 0");
    expect(found!.values).toEqual({
      "select(steps.evaluation, 'count', 32).metrics.reward_after.ci_low": 31,
    });
  });

  test('is open when a point that it needs failed, and says which', () => {
    expect(verdicts('steps.evaluation[32].metrics.reward_after > 0', { fail: true })).toMatchObject([
      { held: null, why: 'needs evaluation[count=32], which failed' },
    ]);
    expect(verdicts('mean(steps.evaluation.metrics.reward_after) > 0', { fail: true })).toMatchObject([
      { held: null },
    ]);
    expect(verdicts('steps.evaluation[16].metrics.reward_after > 0', { fail: true })).toMatchObject([
      { held: true },
    ]);
  });

  test('is open when something has no value', () => {
    expect(verdicts('steps.evaluation[16].metrics.reward_after.p_value < 0.05')).toMatchObject([
      { held: null, why: /p_value/ },
    ]);
    expect(verdicts('steps.evaluation[16].metrics.reward_after / 0 > 1')).toMatchObject([
      { held: null, why: /finite/ },
    ]);
  });
});
