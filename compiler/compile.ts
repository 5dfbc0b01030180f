import { schemas } from '../schemas/generated/schemas.js';
import * as validators from '../schemas/generated/validators.js';
import type { Json } from '../store/types.ts';
import { type Diagnostic, Diagnostics } from './diagnostics/diagnostic.ts';
import { type StepEstimate, type Totals, totals } from './estimate.ts';
import type { Environment, StepView } from './expressions/environment.ts';
import { assemble, type ReadFile } from './passes/assemble.ts';
import { checkContinuations } from './passes/continuations.ts';
import { lowerExpectations } from './passes/expectations.ts';
import { lowerFeedback } from './passes/feedback.ts';
import { connect, type Graph } from './passes/graph.ts';
import { type Input, resolveInputs } from './passes/inputs.ts';
import { checkLimits, type Machine } from './passes/limits.ts';
import { lowerStep } from './passes/lower-step.ts';
import { checkCode, type Fingerprint, type MayRun, pathTable } from './passes/paths.ts';
import { asStates, type Dry, dryRun } from './passes/points.ts';
import { findPlainSecrets } from './passes/secrets.ts';
import { Sites } from './passes/sites.ts';
import { fillStaticFields } from './passes/static-fields.ts';
import { StaticValues } from './passes/static-values.ts';
import { readSteps, type StepSource } from './passes/steps.ts';
import { type KnownStates, Lookup } from './plan/lookup.ts';
import type { ParamTree, Plan, PlanStep } from './plan/types.ts';
import type { KnownPoint } from './plan/value.ts';
import { problemsOf, reportProblems } from './schema/report.ts';
import type { SourceFile } from './source/file.ts';
import { child, type MapNode, toJson } from './source/tree.ts';

export interface CompileOptions {
  /** `--set name=value`, as given. */
  set?: Readonly<Record<string, string>>;
  /** Reads the files that `extends` names, relative to where `path` is relative to. */
  read?: ReadFile;
  /** Fingerprints local files. Absent: they are neither looked for nor read. */
  fingerprint?: Fingerprint;
  /** Says which local files may be run as code. Absent: all. */
  mayRun?: MayRun;
  /** The machine to compare memory estimates with. */
  machine?: Machine;
  /** For older versions of a file, which may lack some of `set`. */
  ignoreUnknownInputs?: boolean;
  /** Inputs without a value are errors (default), or count as known only at run time. */
  requireInputs?: boolean;
}

export interface Compiled {
  /** null when there are errors. Its digests are empty until `seal`. */
  plan: Plan | null;
  diagnostics: Diagnostic[];
  /** Texts of all files read, for code frames. */
  sources: ReadonlyMap<string, SourceFile>;
  /** By step; empty without a plan. */
  estimates: ReadonlyMap<string, StepEstimate>;
  total: Totals;
}

/**
 * From the bytes of an experiment file to its plan: parse, schema, resolve and type-check, expand, check limits. Pure: files
 * are read through `options` only. Everything that is wrong is reported at once, and nothing is thrown.
 */
export function compile(path: string, bytes: Uint8Array, options: CompileOptions = {}): Compiled {
  const diagnostics = new Diagnostics();
  const sources = new Map<string, SourceFile>();
  const root = assemble(path, bytes, options.read ?? (() => null), sources, diagnostics);
  const compiled = root && new Compilation(path, options, diagnostics).run(root);
  return {
    plan: diagnostics.hasErrors ? null : (compiled?.plan ?? null),
    diagnostics: diagnostics.sorted(),
    sources,
    estimates: compiled?.estimates ?? new Map(),
    total: compiled?.total ?? totals([]),
  };
}

const MATRIX_FIELDS = ['matrix', 'foreach', 'include', 'exclude', 'at-most'];

class Compilation {
  private readonly sites: Sites;

  constructor(
    private readonly path: string,
    private readonly options: CompileOptions,
    private readonly diagnostics: Diagnostics,
  ) {
    this.sites = new Sites(diagnostics);
  }

  run(written: MapNode) {
    const { diagnostics, sites } = this;
    findPlainSecrets(written, diagnostics);
    const inputs = resolveInputs(
      written,
      {
        set: this.options.set ?? {},
        main: this.path,
        required: this.options.requireInputs ?? true,
        ignoreUnknown: this.options.ignoreUnknownInputs ?? false,
      },
      diagnostics,
    );
    const known = new StaticValues(inputs);
    const root = fillStaticFields(written, inputs, known, sites);
    this.checkShape(root);
    if (child(root, 'steps')?.kind !== 'map') return null;

    const sources = readSteps(root, diagnostics);
    this.checkWith(sources);
    const slips = (id: string) => diagnostics.count(['steps', id]);
    const before = new Map(
      sources.map(({ id }) => [id, slips(id) - diagnostics.count(['steps', id], MATRIX_FIELDS)]),
    );
    const graph = connect(sources, root, sites);
    const shared = {
      inputs: new Map([...inputs].map(([name, { type }]) => [name, type])),
      unset: new Set([...inputs].flatMap(([name, { value }]) => (value === undefined ? [name] : []))),
      hasFeedback: root.entries.has('feedback'),
    };
    const views = viewsBefore(graph);
    const lowered = new Map<string, PlanStep>();
    for (const step of graph.order) {
      const one = lowerStep(step, graph, views, shared, sites, this.path, known);
      if (one) lowered.set(step.id, one);
    }
    const env: Environment = { ...shared, steps: views, axes: null, pooled: false, secrets: false };
    const steps = [...lowered.values()];
    const feedback = lowerFeedback(root, env, steps, graph, sites, this.path);
    checkContinuations(steps, graph, sites);
    const unsound = diagnostics.count(['feedback']) > 0;
    // A dry run of a step whose expressions, matrix or feedback are at fault would only say so again.
    const sound = new Set(
      sources
        .filter(({ id }) => slips(id) === before.get(id) && !(unsound && graph.feedbackUsers.has(id)))
        .map(({ id }) => id),
    );
    const expect = lowerExpectations(root, env, sites);
    const plan = this.planOf(root, inputs, feedback, steps, expect);

    plan.paths = pathTable(this.path, root, this.options.fingerprint, diagnostics);
    const dry = this.dryRuns(plan, graph, sound);
    checkCode(sites, known, plan.paths, this.options.mayRun);
    plan.paths = { ...plan.paths };
    const estimates = new Map([...dry].map(([id, one]) => [id, one.dry.estimate]));
    for (const step of plan.steps) step.bound = estimates.get(step.id)?.points ?? 1;
    const total = totals(
      plan.steps
        .map((step) => ({ queue: step.queue, estimate: estimates.get(step.id)! }))
        .filter(({ estimate }) => estimate),
    );
    if (!diagnostics.hasErrors) {
      const size = JSON.stringify(plan).length;
      checkLimits(root, size, dry, total, this.options.machine, diagnostics);
    }
    return { plan, estimates, total };
  }

  private checkShape(root: MapNode): void {
    const json = toJson(root);
    if (!validators.experiment(json)) {
      reportProblems(
        problemsOf(validators.experiment.errors ?? [], json, schemas.experiment),
        root,
        [],
        this.diagnostics,
      );
    }
    const feedback = root.entries.get('feedback');
    if (!feedback) return;
    const value = toJson(feedback.value);
    if (!validators.feedback(value)) {
      const problems = problemsOf(validators.feedback.errors ?? [], value, schemas.feedback);
      reportProblems(problems, feedback.value, ['feedback'], this.diagnostics);
    }
  }

  /** `with:` as it is written; values that expressions bring are checked point by point. */
  private checkWith(steps: readonly StepSource[]): void {
    for (const { definition, path, anchor } of steps) {
      const validate = definition && validators.withOf[definition.name];
      const schema = definition && schemas.kinds[definition.name];
      if (!validate || !schema) continue;
      const json = toJson(anchor);
      if (validate(json)) continue;
      reportProblems(
        problemsOf(validate.errors ?? [], json, schema),
        anchor,
        [...path, 'with'],
        this.diagnostics,
      );
    }
  }

  private planOf(
    root: MapNode,
    inputs: ReadonlyMap<string, Input>,
    feedback: ParamTree,
    steps: PlanStep[],
    expect: Plan['expect'],
  ): Plan {
    const text = (key: string) =>
      String(toJson(child(root, key) ?? { kind: 'scalar', value: '', span: root.span }) ?? '');
    const seeds = child(root, 'seeds');
    return {
      format: 1,
      name: text('name'),
      description: text('description'),
      digest: '',
      source: { path: this.path, sha256: '' },
      seeds: seeds?.kind === 'list' ? (toJson(seeds) as number[]) : [0],
      inputs: Object.fromEntries(
        [...inputs].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
      ),
      feedback: feedback as Json,
      paths: {},
      steps,
      expect,
    };
  }

  private dryRuns(
    plan: Plan,
    graph: Graph,
    sound: ReadonlySet<string>,
  ): Map<string, { source: StepSource; dry: Dry }> {
    const states: Record<string, readonly KnownPoint[] | undefined> = {};
    const lookup = new Lookup(plan, states as KnownStates);
    const dry = new Map<string, { source: StepSource; dry: Dry }>();
    for (const source of graph.order) {
      const step = sound.has(source.id) ? lookup.step(source.id) : undefined;
      if (!step) continue;
      const one = dryRun(source, step, lookup, this.diagnostics);
      states[step.id] = asStates(one.points);
      dry.set(step.id, { source, dry: one });
    }
    return dry;
  }
}

/** Steps as they look before their matrices are known: enough for those in a cycle. */
function viewsBefore(graph: Graph): Map<string, StepView> {
  return new Map(
    graph.order.map(({ id, definition, node }) => [
      id,
      {
        id,
        definition,
        seeding: graph.seeding.get(id)!,
        axes: node.entries.has('matrix') || node.entries.has('foreach') ? new Map() : null,
        ...(node.entries.has('search') && { search: { dimensions: new Map(), objectives: [] } }),
        params: {},
        given: new Set(),
      },
    ]),
  );
}
