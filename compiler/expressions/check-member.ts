import { schemas } from '../../schemas/generated/schemas.js';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Expression } from '../plan/types.ts';
import { ANY, dataType, fromDeclared, METRIC, NUMBER, STRING, show, type Type } from '../types/type.ts';
import type { Ast } from './ast.ts';
import { check } from './check.ts';
import type { Checked, Environment, Report, StepView } from './environment.ts';

/** What can be read of a metric. */
export const METRIC_FIELDS = ['value', 'ci_low', 'ci_high', 'level', 'n', 'p_value'];

/** `steps.base`, `inputs.n`, `matrix.layer`, `steps.base.metrics.loss.ci_low` ... */
export function checkMember(ast: Extract<Ast, { op: 'member' }>, env: Environment, report: Report): Checked {
  const { of, name } = ast;
  const at = { start: ast.nameStart, end: ast.end };
  if (of.op === 'name') {
    const root = of.name as 'steps' | 'inputs' | 'matrix' | 'search' | 'secrets';
    const expression: Expression = { op: 'member', of: { op: 'name', name: root }, name };
    if (root === 'steps') return { type: stepType(name, at, env, report), expression };
    if (root === 'inputs') return { type: inputType(name, at, env, report), expression };
    if (root === 'matrix') return { type: axisType(name, at, env, report), expression };
    if (root === 'search') return { type: dimensionType(name, at, env, report), expression };
    if (root === 'secrets') {
      if (!env.secrets) {
        report(
          'secret-not-allowed',
          ast,
          `secrets.${name} may not stand here.`,
          'Only fields for keys and tokens take secrets.',
        );
      }
      return { type: { type: 'secret' }, expression };
    }
  }
  // `steps.x.metrics.NAME`, `steps.x.matrix.AXIS` and `steps.x.search.DIMENSION`: two names at once.
  if (of.op === 'member' && (of.name === 'metrics' || of.name === 'matrix' || of.name === 'search')) {
    const inner = check(of.of, env, report);
    if (inner.type.type === 'points') {
      const expression: Expression = {
        op: 'member',
        of: { op: 'member', of: inner.expression, name: of.name },
        name,
      };
      const one =
        of.name === 'metrics'
          ? metricType(name, inner.type, at, env, report)
          : of.name === 'matrix'
            ? pointAxis(name, inner.type, at, env, report)
            : trialValue(name, inner.type, at, env, report);
      return { type: inner.type.many ? { type: 'list', of: one } : one, expression };
    }
  }
  const { type, expression } = check(of, env, report);
  return { type: memberType(type, ast, env, report), expression: { op: 'member', of: expression, name } };
}

function stepType(name: string, at: { start: number; end: number }, env: Environment, report: Report): Type {
  const step = env.steps.get(name);
  if (!step) {
    report('unknown-step', at, `There is no step ${name}.`, didYouMean(name, env.steps.keys(), 'Steps'));
    return ANY;
  }
  return pointsType(step, env);
}

function pointsType(step: StepView, env: Environment): Type {
  const { definition } = step;
  if (!definition) return ANY;
  const many = step.axes !== null || step.search !== undefined || (env.pooled && step.seeding === 'per-seed');
  const primary = definition.primary === undefined ? undefined : definition.outputs[definition.primary];
  return {
    type: 'points',
    step: step.id,
    many,
    selected: false,
    value: primary ? fromDeclared(primary, step.params) : null,
  };
}

function inputType(name: string, at: { start: number; end: number }, env: Environment, report: Report): Type {
  const type = env.inputs.get(name);
  if (type) return type;
  const hint = /-\d/.test(name) ? 'A difference is written with spaces: inputs.a - 1.' : undefined;
  report(
    'unknown-input',
    at,
    `There is no input ${name}.`,
    hint ?? didYouMean(name, env.inputs.keys(), 'Inputs') ?? 'Declare it under `inputs:`.',
  );
  return ANY;
}

function axisType(name: string, at: { start: number; end: number }, env: Environment, report: Report): Type {
  if (!env.axes) {
    report(
      'unknown-axis',
      at,
      `There is no matrix here, so matrix.${name} has no value.`,
      'Add `matrix:` to the step.',
    );
    return ANY;
  }
  const axis = env.axes.get(name);
  if (axis) return axis.type;
  report('unknown-axis', at, `The matrix has no axis ${name}.`, didYouMean(name, env.axes.keys(), 'Axes'));
  return ANY;
}

function dimensionType(
  name: string,
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const dimension = env.search?.get(name);
  if (dimension) return dimension.type;
  if (env.search)
    report(
      'unknown-dimension',
      at,
      `The search has no ${name}.`,
      didYouMean(name, env.search.keys(), 'It tries'),
    );
  else
    report(
      'unknown-dimension',
      at,
      `There is no search here, so search.${name} has no value.`,
      'Add `search:` to the step.',
    );
  return ANY;
}

type PointsType = Extract<Type, { type: 'points' }>;

function metricType(
  name: string,
  points: PointsType,
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const definition = env.steps.get(points.step)?.definition;
  if (definition && !Object.hasOwn(definition.metrics, name)) {
    report(
      'unknown-metric',
      at,
      `${definition.name} measures no ${name}.`,
      didYouMean(name, Object.keys(definition.metrics), 'It measures') ?? 'It measures nothing.',
    );
    return ANY;
  }
  return METRIC;
}

function pointAxis(
  name: string,
  points: PointsType,
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const axes = env.steps.get(points.step)?.axes;
  const axis = axes?.get(name);
  // An axis of artifacts is read as its labels.
  if (axis) return dataType(axis.type)?.type === 'artifact' ? STRING : axis.type;
  report(
    'unknown-axis',
    at,
    `${points.step} has no axis ${name}.`,
    axes ? didYouMean(name, axes.keys(), 'Axes') : 'It has no matrix.',
  );
  return ANY;
}

/** What a trial tried. */
function trialValue(
  name: string,
  points: PointsType,
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const dimensions = env.steps.get(points.step)?.search?.dimensions;
  const dimension = dimensions?.get(name);
  if (dimension) return dimension.type;
  report(
    'unknown-dimension',
    at,
    `${points.step} tries no ${name}.`,
    dimensions ? didYouMean(name, dimensions.keys(), 'It tries') : 'It has no search.',
  );
  return ANY;
}

/** `steps.saes.best`: one trial of each search. `steps.saes.pareto`: those that no other betters in everything. */
function chosenTrials(
  points: PointsType,
  name: 'best' | 'pareto',
  step: StepView & { search: NonNullable<StepView['search']> },
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const { objectives } = step.search;
  if (objectives.length > 1 !== (name === 'pareto'))
    report(
      'unknown-output',
      at,
      name === 'best'
        ? `The search of ${step.id} has ${objectives.length} objectives, and so no one best trial.`
        : `The search of ${step.id} has one objective, and so no trade-offs.`,
      name === 'best' ? `Those that no other betters in all: steps.${step.id}.pareto.` : 'Write best.',
    );
  if (name === 'pareto') return { ...points, many: true, selected: true };
  const many = step.axes !== null || (env.pooled && step.seeding === 'per-seed');
  return { ...points, many, selected: step.axes === null, best: true };
}

function memberType(type: Type, ast: Extract<Ast, { op: 'member' }>, env: Environment, report: Report): Type {
  const { name } = ast;
  const at = { start: ast.nameStart, end: ast.end };
  switch (type.type) {
    case 'any':
    case 'map':
    case 'feedback':
      return ANY;
    case 'metric': {
      if (METRIC_FIELDS.includes(name)) return NUMBER;
      const hint =
        name === 'mean' ? 'The number itself is `value`.' : didYouMean(name, METRIC_FIELDS, 'A metric has');
      report('unknown-metric', at, `A metric has no ${name}.`, hint);
      return ANY;
    }
    case 'list':
      return { ...type, of: memberType(type.of, ast, env, report) };
    case 'points':
      return outputType(type, name, at, env, report);
    default:
      report('type-mismatch', at, `${show(type)} has no ${name}.`);
      return ANY;
  }
}

function outputType(
  points: PointsType,
  name: string,
  at: { start: number; end: number },
  env: Environment,
  report: Report,
): Type {
  const step = env.steps.get(points.step);
  const definition = step?.definition;
  if (!step || !definition) return ANY;
  if (name === 'metrics') {
    const known = Object.keys(definition.metrics);
    report(
      'bad-expression',
      at,
      `Name a metric of ${points.step}.`,
      known.length > 0 ? `It measures: ${known.join(', ')}.` : 'It measures nothing.',
    );
    return ANY;
  }
  if (name === 'output') {
    if (points.value === null) {
      report(
        'unknown-output',
        at,
        `${definition.name} has no primary output.`,
        didYouMean('', Object.keys(definition.outputs), 'It gives'),
      );
      return ANY;
    }
    return points;
  }
  if ((name === 'best' || name === 'pareto') && step.search && !points.best)
    return chosenTrials(points, name, { ...step, search: step.search }, at, env, report);
  const output = Object.hasOwn(definition.outputs, name) ? definition.outputs[name] : undefined;
  const parameter = definition.outputsWith?.[name];
  if (parameter !== undefined && (!step.given.has(parameter) || step.params[parameter] === false)) {
    const switched = schemas.kinds[definition.name]?.properties?.[parameter]?.type === 'boolean';
    report(
      'unknown-output',
      at,
      `${step.id} gives no ${name} without \`${parameter}\`.`,
      `Add \`${parameter}:${switched ? ' true' : ''}\` to its \`with:\`.`,
    );
    return ANY;
  }
  if (output) return { ...points, value: fromDeclared(output, step.params) };
  const metric = Object.hasOwn(definition.metrics, name);
  const hint = metric
    ? `Did you mean metrics.${name}?`
    : (didYouMean(name, [...Object.keys(definition.outputs), 'metrics'], 'It gives') ?? undefined);
  report('unknown-output', at, `${definition.name} gives no ${name}.`, hint);
  return ANY;
}
