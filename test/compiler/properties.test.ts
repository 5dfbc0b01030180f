import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { expandKnown } from '../../compiler/plan/expand.ts';
import { Lookup } from '../../compiler/plan/lookup.ts';
import type { Plan } from '../../compiler/plan/types.ts';
import { compileText } from './compiling.ts';

/** A random experiment: steps that take data from earlier ones, some with a matrix, excludes, includes and conditions. */
interface RandomStep {
  count: number;
  axes: Record<string, (number | string)[]>;
  exclude: Record<string, number | string>[];
  include: Record<string, number | string>[];
  from: number[];
}

const axisName = fc.constantFrom('a', 'b', 'zeta');
const axisValue = fc.oneof(
  fc.integer({ min: 1, max: 30 }),
  fc.constantFrom('x', 'y', 'long name', '7', 'true'),
);
const axes = fc.dictionary(axisName, fc.uniqueArray(axisValue, { minLength: 1, maxLength: 4 }), {
  maxKeys: 3,
});

const randomStep: fc.Arbitrary<RandomStep> = axes.chain((own) => {
  const names = Object.keys(own);
  const entry =
    names.length === 0
      ? fc.constant({})
      : fc
          .constantFrom(...names)
          .chain((name) => fc.constantFrom(...own[name]!).map((value) => ({ [name]: value })));
  return fc.record({
    count: fc.integer({ min: 1, max: 1000 }),
    axes: fc.constant(own),
    exclude: names.length === 0 ? fc.constant([]) : fc.array(entry, { maxLength: 2 }),
    include:
      names.length === 0
        ? fc.constant([])
        : fc.array(
            fc
              .tuple(entry, fc.option(axisValue, { nil: undefined }))
              .map(([one, extra]) => ({ ...one, ...(extra !== undefined && { extra }) })),
            { maxLength: 2 },
          ),
    from: fc.array(fc.nat(20), { maxLength: 3 }),
  });
});

const randomExperiment = fc.record({
  seeds: fc.uniqueArray(fc.nat(50), { minLength: 1, maxLength: 3 }),
  steps: fc.array(randomStep, { minLength: 1, maxLength: 6 }),
});

function documentOf({ seeds, steps }: { seeds: number[]; steps: RandomStep[] }) {
  const entries = steps.map((step, i) => {
    const names = Object.keys(step.axes);
    const needs = [...new Set(step.from.map((n) => n % (i || 1)))].filter((n) => n < i).map((n) => `s${n}`);
    const body: Record<string, unknown> = {
      uses: 'data.reviews-synthetic',
      with: { count: step.count, scatter: 0.25 },
    };
    if (names.length > 0) body.matrix = step.axes;
    if (step.exclude.length > 0) body.exclude = step.exclude;
    if (step.include.length > 0) body.include = step.include;
    if (needs.length > 0) body.needs = needs;
    return [`s${i}`, body] as const;
  });
  return {
    version: 1,
    name: 'random',
    seeds,
    inputs: { n: { type: 'integer', default: 3 } },
    steps: Object.fromEntries(entries),
  };
}

/** The same data with all keys in another order. */
function shuffled(value: unknown, random: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, random));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner, random)] as const);
  for (let i = entries.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [entries[i], entries[j]] = [entries[j]!, entries[i]!];
  }
  return Object.fromEntries(entries);
}

function withComments(text: string): string {
  return text
    .split('\n')
    .map((line, i) => (/\S/.test(line) && i % 2 === 0 ? `# note ${i}\n${line}` : line))
    .join('\n');
}

const idsOf = (plan: Plan): string[] => {
  const lookup = new Lookup(plan, {});
  return plan.steps.flatMap((step) =>
    expandKnown(lookup, step).map((point) => ('point' in point ? point.point.id : point.id)),
  );
};

test('ids, keys and digests do not depend on the order of keys or on comments', () => {
  fc.assert(
    fc.property(
      randomExperiment,
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (random, numbers) => {
        const document = documentOf(random);
        const first = compileText(stringify(document));
        const again = compileText(withComments(stringify(shuffled(document, () => numbers.next().value!))));
        expect(first.diagnostics.map(({ code }) => code).sort()).toEqual(
          again.diagnostics.map(({ code }) => code).sort(),
        );
        if (!first.plan || !again.plan) return;
        expect(again.plan.digest).toBe(first.plan.digest);
        expect(idsOf(again.plan).sort()).toEqual(idsOf(first.plan).sort());
        const byId = (plan: Plan) => Object.fromEntries(plan.steps.map((step) => [step.id, step]));
        expect(byId(again.plan)).toEqual(byId(first.plan));
      },
    ),
    { numRuns: 60 },
  );
});

test('no step is dropped, and each comes after all that it needs', () => {
  fc.assert(
    fc.property(randomExperiment, (random) => {
      const { plan, diagnostics } = compileText(stringify(documentOf(random)));
      if (!plan) {
        expect(diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
        return;
      }
      expect(plan.steps.map(({ id }) => id).sort()).toEqual(random.steps.map((_, i) => `s${i}`).sort());
      const place = new Map(plan.steps.map(({ id }, i) => [id, i]));
      for (const step of plan.steps)
        for (const need of step.needs) expect(place.get(need)!).toBeLessThan(place.get(step.id)!);
    }),
    { numRuns: 60 },
  );
});

/** Combinations by the words of GitHub's documentation, the slow way. */
function combinationsByTheBook({ axes: own, exclude, include }: RandomStep): Record<string, unknown>[] {
  const names = Object.keys(own).sort();
  let original: Record<string, unknown>[] = [{}];
  for (const name of names)
    original = original.flatMap((one) => own[name]!.map((value) => ({ ...one, [name]: value })));
  original = original.filter(
    (one) => !exclude.some((entry) => Object.entries(entry).every(([key, value]) => one[key] === value)),
  );
  const extended = original.map((one) => ({ ...one }));
  const added: Record<string, unknown>[] = [];
  for (const entry of include) {
    let fits = false;
    original.forEach((one, i) => {
      if (Object.entries(entry).some(([key, value]) => key in one && one[key] !== value)) return;
      fits = true;
      Object.assign(extended[i]!, entry);
    });
    if (!fits) added.push({ ...entry });
  }
  return [...extended, ...added];
}

test('most random experiments compile, so that the other properties say something', () => {
  const all = fc.sample(randomExperiment, { numRuns: 60, seed: 7 });
  const compiled = all.filter((random) => compileText(stringify(documentOf(random))).plan !== null);
  expect(compiled.length).toBeGreaterThan(20);
  const some = (test: (step: RandomStep) => boolean) => compiled.some(({ steps }) => steps.some(test));
  expect(some(({ exclude }) => exclude.length > 0)).toBe(true);
  expect(some(({ include }) => include.length > 0)).toBe(true);
});

test('every combination of a matrix is there exactly once, under every seed', () => {
  fc.assert(
    fc.property(randomExperiment, (random) => {
      const { plan } = compileText(stringify(documentOf(random)));
      if (!plan) return;
      const lookup = new Lookup(plan, {});
      random.steps.forEach((step, i) => {
        const points = expandKnown(lookup, lookup.step(`s${i}`)!);
        const found = points.map((point) => ('point' in point ? point.point : point));
        const wanted = Object.keys(step.axes).length === 0 ? [{}] : combinationsByTheBook(step);
        expect(found.map(({ axes: own, seed }) => ({ ...own, seed }))).toEqual(
          random.seeds.flatMap((seed) => wanted.map((one) => ({ ...one, seed }))),
        );
        expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
      });
    }),
    { numRuns: 60 },
  );
});

test('the number of points that a plan announces is the number that there are', () => {
  fc.assert(
    fc.property(randomExperiment, (random) => {
      const { plan, total, estimates } = compileText(stringify(documentOf(random)));
      if (!plan) return;
      expect(total.points).toBe(idsOf(plan).length);
      for (const step of plan.steps) expect(step.bound).toBe(estimates.get(step.id)!.points);
    }),
    { numRuns: 40 },
  );
});
