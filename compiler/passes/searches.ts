import { FOR_SEVERAL_OBJECTIVES } from '../../search/samplers.ts';
import type { Dimension, Direction, Value } from '../../search/types.ts';
import type { Json } from '../../store/types.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Axis } from '../expressions/environment.ts';
import type { KindDefinition } from '../kinds/types.ts';
import { prunerFor, samplerFor } from '../plan/methods.ts';
import { RUNG_AXIS, TRIAL_AXIS } from '../plan/trials.ts';
import type { Expression, Method, ParamTree, PlanSearch } from '../plan/types.ts';
import type { Span } from '../source/file.ts';
import { child, type Entry, type MapNode, type Node, textOf, toJson } from '../source/tree.ts';
import { ANY, fromJson, INTEGER, NUMBER, union } from '../types/type.ts';
import { noReferences, referencesBelow, type Sites } from './sites.ts';
import type { StaticValues } from './static-values.ts';
import type { StepSource } from './steps.ts';

const SAMPLERS = ['random', 'sobol', 'tpe', 'gp', 'cma-es'];
const PRUNERS = ['none', 'median', 'asha', 'hyperband', 'patience'];
/** Those that judge at lengths of their own. */
const KNOWING = ['asha', 'hyperband'];
const RANGES = ['uniform', 'log', 'integer', 'log-integer'];
const PARALLEL = 4;

/** `search:` of a step, as far as it can be read before the step's parameters. */
export interface LoweredSearch {
  search: PlanSearch;
  dimensions: ReadonlyMap<string, Axis>;
}

/** The search of a step. Expressions in it have been replaced by their values. null: it has none, or one that cannot be read. */
export function lowerSearch(
  step: StepSource,
  axes: ReadonlyMap<string, Axis> | null,
  sites: Sites,
): LoweredSearch | null {
  const node = child(step.node, 'search');
  return node?.kind === 'map' ? new Reader(step, node, sites).read(axes) : null;
}

/** What of a search depends on the step's parameters: the lengths at which trainings pause, and whether all of `space` is used. */
export function completeSearch(
  { search }: LoweredSearch,
  step: StepSource,
  params: Readonly<Record<string, ParamTree>>,
  sites: Sites,
  known: StaticValues,
): PlanSearch {
  const reader = new Reader(step, child(step.node, 'search') as MapNode, sites);
  reader.checkUsed();
  return reader.withParts(search, params, known);
}

class Reader {
  constructor(
    private readonly step: StepSource,
    private readonly node: MapNode,
    private readonly sites: Sites,
  ) {}

  read(axes: ReadonlyMap<string, Axis> | null): LoweredSearch | null {
    const { node } = this;
    const space = this.space(axes);
    const objectives = this.objectives();
    const sampler = this.method('sampler', SAMPLERS, 'tpe');
    const pruner = this.method('pruner', PRUNERS, 'none');
    const trials = this.number('trials') ?? 1;
    const parallel = this.number('parallel') ?? PARALLEL;
    const lag = this.number('lag') ?? parallel;
    const names = child(node, 'space');
    const dimensions = new Map<string, Axis>([
      // Of one that cannot be read, any use is right.
      ...(names?.kind === 'map' ? [...names.entries.keys()] : []).map((name) => [name, UNREADABLE] as const),
      ...space.map((dimension) => [dimension.name, axisOf(dimension)] as const),
    ]);
    if (lag < parallel)
      this.wrong(
        node.entries.get('lag')!.value.span,
        ['lag'],
        `A trial cannot wait for one that is less than ${lag} before it while ${parallel} run at the same time.`,
        `lag is ${parallel} at least.`,
      );
    if (pruner.type !== 'none' && objectives.length > 1)
      this.wrong(
        node.entries.get('pruner')!.value.span,
        ['pruner'],
        'A pruner judges by one objective; this search has more.',
        'Leave the pruner out, or all objectives but one.',
      );
    if (objectives.length > 1 && !(FOR_SEVERAL_OBJECTIVES as readonly string[]).includes(sampler.type))
      this.wrong(
        node.entries.get('sampler')!.value.span,
        ['sampler'],
        `${sampler.type} takes one objective; this search has ${objectives.length}.`,
        `With several: ${FOR_SEVERAL_OBJECTIVES.join(', ')}.`,
      );
    const first = this.first(space, dimensions);
    return {
      search: { space, sampler, pruner, objectives, trials, parallel, lag, first },
      dimensions,
    };
  }

  withParts(
    search: PlanSearch,
    params: Readonly<Record<string, ParamTree>>,
    known: StaticValues,
  ): PlanSearch {
    const { node, step } = this;
    const written = child(node, 'rungs');
    const rungs = written?.kind === 'list' ? (toJson(written) as number[]) : [];
    const asks = search.pruner.type !== 'none' ? 'pruner' : rungs.length > 0 ? 'rungs' : null;
    if (asks === null || !step.definition) return search;
    const at = node.entries.get(asks)!;
    const parameter = lengthOf(step.definition, params);
    if (parameter === undefined) {
      this.wrong(
        at.key,
        [asks],
        `${step.definition.name} cannot be paused: it has no state to go on from.`,
        'Only kinds with `continue` and `keep-state` can.',
      );
      return search;
    }
    const whole = knownValue(params[parameter], known);
    if (typeof whole !== 'number') {
      const { key } = step.with?.entries.get(parameter) ?? at;
      this.wrong(
        key,
        [asks],
        `Where trainings pause depends on \`${parameter}\`, which is not known before the run.`,
        `Write \`${parameter}:\` of ${step.id} as a number or an input.`,
      );
      return search;
    }
    const missing = rungs.length === 0 && !KNOWING.includes(search.pruner.type);
    if (missing)
      this.wrong(
        at.key,
        [asks],
        `${search.pruner.type} needs the lengths at which to judge.`,
        `Add \`rungs: [${Math.ceil(whole / 4)}, ${Math.ceil(whole / 2)}]\`, in ${parameter}.`,
      );
    else if (rungs.length > 0 && KNOWING.includes(search.pruner.type))
      this.wrong(
        node.entries.get('rungs')!.key,
        ['rungs'],
        `${search.pruner.type} knows its lengths: from \`min\` on, each \`factor\` times the one before.`,
        'Leave `rungs` out.',
      );
    rungs.forEach((rung, i) => {
      const before = i === 0 ? 0 : rungs[i - 1]!;
      if (rung > before && rung < whole) return;
      this.wrong(
        (written as Extract<Node, { kind: 'list' }>).items[i]!.span,
        ['rungs', i],
        `The lengths ascend, and lie below \`${parameter}\`, which is ${whole}.`,
      );
    });
    const complete: PlanSearch = { ...search, parts: { parameter, whole, rungs } };
    this.attempt('pruner', () => prunerFor(complete));
    return complete;
  }

  /** A dimension that nothing uses would be searched in vain. */
  checkUsed(): void {
    const { step, sites } = this;
    const found = noReferences();
    for (const field of ['with', 'if'])
      referencesBelow(child(step.node, field), [...step.path, field], sites, found);
    const space = child(this.node, 'space');
    for (const [name, { key }] of space?.kind === 'map' ? space.entries : []) {
      if (found.search.has(name)) continue;
      sites.diagnostics.error('unused-dimension', key, `${step.id} tries ${name}, but does not use it.`, {
        path: [...step.path, 'search', 'space', name],
        hint: `Use it in \`with:\`, such as ${name}: \${{ search.${name} }}.`,
      });
    }
  }

  private space(axes: ReadonlyMap<string, Axis> | null): Dimension[] {
    const node = child(this.node, 'space');
    const entries = node?.kind === 'map' ? [...node.entries] : [];
    return entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, entry]) => {
        if (axes?.has(name) || name === TRIAL_AXIS || name === RUNG_AXIS) {
          const what = axes?.has(name) ? 'an axis of the matrix' : 'what trials are told apart by';
          this.wrong(entry.key, ['space', name], `${name} is ${what} already.`, 'Give it another name.');
        }
        return this.dimension(name, entry) ?? [];
      });
  }

  private dimension(name: string, { key, value }: Entry): Dimension | null {
    if (value.kind === 'list') return { name, type: 'categorical', choices: toJson(value) as Value[] };
    if (value.kind !== 'map') return null;
    const path = ['space', name];
    const given = [...value.entries].filter(([type]) => RANGES.includes(type));
    const [[type, range] = []] = given;
    if (given.length !== 1 || type === undefined || !range) {
      this.wrong(key, path, `${name} is one range: ${RANGES.join(', ')}.`);
      return null;
    }
    const [low, high] = numbersOf(range.value);
    if (low === undefined || high === undefined) return null;
    const step = numberIn(value, 'step');
    const log = type.startsWith('log');
    const integer = type.endsWith('integer');
    const at = [...path, type];
    if (low >= high) {
      const hint = low === high ? `Write ${name} as a list: [${low}].` : `Did you mean [${high}, ${low}]?`;
      this.wrong(
        range.value.span,
        at,
        `The range of ${name} is empty: it goes from ${low} to ${high}.`,
        hint,
      );
    } else if (log && low <= 0)
      this.wrong(range.value.span, at, `${name} has no logarithm at ${low}.`, 'Begin above 0.');
    else if (integer && !(Number.isInteger(low) && Number.isInteger(high)))
      this.wrong(
        range.value.span,
        at,
        `${name} is a range of whole numbers.`,
        'Use uniform or log for others.',
      );
    else if (!integer && step !== undefined)
      this.wrong(value.entries.get('step')!.key, [...path, 'step'], 'Only whole numbers have a step.');
    else
      return integer
        ? { name, type: 'integer', low, high, log, step: step ?? 1 }
        : { name, type: 'real', low, high, log };
    return null;
  }

  private objectives(): PlanSearch['objectives'] {
    const node = child(this.node, 'objective');
    const items = node?.kind === 'list' ? node.items : node ? [node] : [];
    return items.flatMap((item, i) => {
      const [[word, entry] = []] = item.kind === 'map' ? item.entries : [];
      const metric = textOf(entry?.value);
      if (!entry || metric === undefined) return [];
      const { definition } = this.step;
      if (definition && !Object.hasOwn(definition.metrics, metric)) {
        const known = Object.keys(definition.metrics);
        this.sites.diagnostics.error(
          'unknown-metric',
          entry.value.span,
          `${definition.name} measures no ${metric}.`,
          {
            path: [...this.path, 'objective', ...(node?.kind === 'list' ? [i] : []), word!],
            hint:
              didYouMean(metric, known, 'It measures') ?? 'It measures nothing that could be an objective.',
          },
        );
      }
      return [{ metric, direction: word as Direction }];
    });
  }

  private method(field: 'sampler' | 'pruner', names: readonly string[], usual: string): Method {
    const node = child(this.node, field);
    const named = node?.kind === 'map' ? child(node, 'type') : node;
    const type = textOf(named);
    if (!node || type === undefined) return { type: usual, options: {} };
    if (!names.includes(type)) {
      this.sites.diagnostics.error('bad-value', named!.span, `There is no ${field} ${type}.`, {
        path: [...this.path, field],
        hint: didYouMean(type, names, 'There are'),
      });
      return { type: usual, options: {} };
    }
    const { type: _type, ...options } = node.kind === 'map' ? (toJson(node) as Record<string, Json>) : {};
    const method = { type, options };
    // Hyperband and its like are looked at again once it is known how long a training is.
    if (field === 'sampler') this.attempt(field, () => samplerFor(method));
    return method;
  }

  private first(space: readonly Dimension[], dimensions: ReadonlyMap<string, Axis>): PlanSearch['first'] {
    const node = child(this.node, 'first');
    const items = node?.kind === 'list' ? node.items : [];
    return items.flatMap((item, i) => {
      if (item.kind !== 'map') return [];
      for (const [name, { key, value }] of item.entries) {
        const dimension = space.find((one) => one.name === name);
        const path = ['first', i, name];
        if (!dimensions.has(name))
          this.wrong(
            key,
            path,
            `The search has no ${name}.`,
            didYouMean(name, dimensions.keys(), 'It tries'),
          );
        else if (dimension && !within(dimension, toJson(value)))
          this.wrong(value.span, path, `${name} cannot have this value: it is outside of what is searched.`);
      }
      const absent = [...dimensions.keys()].find((name) => !item.entries.has(name));
      if (absent) this.wrong(item.span, ['first', i], `This trial has no ${absent}.`);
      return [toJson(item) as Record<string, Value>];
    });
  }

  /** Options are checked where they are used. */
  private attempt(field: 'sampler' | 'pruner', make: () => unknown): void {
    try {
      make();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const at = this.node.entries.get(field)!;
      this.wrong(at.value.span, [field], `${error.message}.`);
    }
  }

  private number(field: string): number | undefined {
    return numberIn(this.node, field);
  }

  private get path() {
    return [...this.step.path, 'search'];
  }

  private wrong(at: Span, path: readonly (string | number)[], message: string, hint?: string): void {
    this.sites.diagnostics.error('bad-search', at, message, { path: [...this.path, ...path], hint });
  }
}

/** The parameter that says how long a kind trains: the one that the step gives, if there are several. */
function lengthOf(
  { lengthParameters = [] }: KindDefinition,
  params: Readonly<Record<string, ParamTree>>,
): string | undefined {
  return lengthParameters.find((name) => params[name] !== undefined) ?? lengthParameters[0];
}

const UNREADABLE: Axis = { type: ANY, labels: null };

function axisOf(dimension: Dimension): Axis {
  if (dimension.type === 'categorical')
    return { type: union(dimension.choices.map(fromJson)), labels: dimension.choices };
  return { type: dimension.type === 'integer' ? INTEGER : NUMBER, labels: null };
}

function within(dimension: Dimension, value: Json): boolean {
  if (dimension.type === 'categorical') return dimension.choices.includes(value as Value);
  if (typeof value !== 'number' || value < dimension.low || value > dimension.high) return false;
  return dimension.type === 'real' || (value - dimension.low) % dimension.step === 0;
}

function knownValue(tree: ParamTree | undefined, known: StaticValues): unknown {
  const isExpression = tree !== null && typeof tree === 'object' && '$expr' in tree;
  return isExpression ? known.attempt(tree.$expr as Expression) : tree;
}

const numbersOf = (node: Node): number[] =>
  node.kind === 'list'
    ? node.items.flatMap((item) =>
        item.kind === 'scalar' && typeof item.value === 'number' ? [item.value] : [],
      )
    : [];

const numberIn = (node: MapNode, field: string): number | undefined => {
  const found = child(node, field);
  return found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : undefined;
};
