import type { Json } from '../../store/types.ts';
import type { Path } from '../diagnostics/diagnostic.ts';
import { check } from '../expressions/check.ts';
import type { Environment } from '../expressions/environment.ts';
import { EvaluationError, UNKNOWN } from '../plan/value.ts';
import type { Entry, ListNode, MapNode, Node, ScalarNode } from '../source/tree.ts';
import type { Input } from './inputs.ts';
import type { Sites } from './sites.ts';
import type { StaticValues } from './static-values.ts';

/** Fields that shape the plan itself: expressions in them may use inputs only. */
const OF_FILE = new Set(['seeds', 'limits']);
const OF_STEP = new Set([
  ...['checkpoint', 'retry', 'timeout', 'stall', 'queue', 'at-most', 'search', 'on-failure', 'concurrency'],
]);

/** The document with the expressions in such fields replaced by their values; those that have none are left out. */
export function fillStaticFields(
  root: MapNode,
  inputs: ReadonlyMap<string, Input>,
  values: StaticValues,
  sites: Sites,
): MapNode {
  const filler = new Filler(inputs, values, sites);
  return mapped(root, (value, name) => {
    if (OF_FILE.has(name)) return filler.fill(value, [name]);
    if ((name !== 'steps' && name !== 'presets') || value.kind !== 'map') return value;
    return mapped(value, (step, id) => {
      if (step.kind !== 'map') return step;
      return mapped(step, (field, key) => (OF_STEP.has(key) ? filler.fill(field, [name, id, key]) : field));
    });
  });
}

function mapped(node: MapNode, change: (value: Node, key: string) => Node | null): MapNode {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of node.entries) {
    const value = change(entry.value, key);
    if (value) entries.set(key, value === entry.value ? entry : { ...entry, value });
  }
  return { ...node, entries };
}

class Filler {
  private readonly env: Environment;

  constructor(
    inputs: ReadonlyMap<string, Input>,
    private readonly values: StaticValues,
    private readonly sites: Sites,
  ) {
    const types = new Map([...inputs].map(([name, { type }]) => [name, type]));
    this.env = {
      steps: new Map(),
      inputs: types,
      unset: new Set(),
      axes: null,
      pooled: false,
      hasFeedback: false,
      secrets: false,
    };
  }

  fill(node: Node, path: Path): Node | null {
    if (node.kind === 'map') return mapped(node, (value, key) => this.fill(value, [...path, key]));
    if (node.kind === 'list') return this.list(node, path);
    const segments = this.sites.segments(node, path);
    if (!segments) return node;
    const report = this.sites.reporter(node, path);
    let sound = segments.length > 0;
    let text = '';
    let whole: Json = null;
    for (const segment of segments) {
      if (!('ast' in segment)) {
        text += segment.text;
        continue;
      }
      const { expression } = check(segment.ast, this.env, (_code, at, _message, hint) => {
        sound = false;
        const guess = hint?.startsWith('Did you mean inputs') ? hint : undefined;
        report('bad-expression', at, 'Only inputs can be used here: this shapes the plan itself.', guess);
      });
      if (!sound) continue;
      try {
        const value = this.values.of(expression);
        if (value === UNKNOWN) {
          report(
            'missing-input',
            segment.ast,
            'This needs an input that has no value.',
            'Give one with --set.',
          );
          sound = false;
          continue;
        }
        whole = value;
        text += String(value);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        report('no-value', segment.ast, `${error.message}.`, error.hint);
        sound = false;
      }
    }
    return sound ? written(segments.length === 1 ? whole : text, node) : null;
  }

  private list(node: ListNode, path: Path): ListNode {
    const items = node.items.flatMap((item, i) => this.fill(item, [...path, i]) ?? []);
    return { ...node, items };
  }
}

function written(value: Json, { span }: ScalarNode): Node {
  if (Array.isArray(value)) {
    return {
      kind: 'list',
      span,
      items: value.map((item) => ({ kind: 'scalar', span, value: item as ScalarNode['value'] })),
    };
  }
  return { kind: 'scalar', span, value: value as ScalarNode['value'] };
}
