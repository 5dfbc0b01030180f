import type { Diagnostics, Path } from '../diagnostics/diagnostic.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import { KINDS } from '../kinds/registry.ts';
import type { KindDefinition } from '../kinds/types.ts';
import type { Span } from '../source/file.ts';
import { child, type Entry, type MapNode, type Node, overlay, textOf } from '../source/tree.ts';

/** A step as written, presets already beneath it. */
export interface StepSource {
  id: string;
  key: Span;
  path: Path;
  node: MapNode;
  uses: string | undefined;
  /** Absent when `uses` names no kind. */
  definition: KindDefinition | undefined;
  with: MapNode | undefined;
  /** Where to complain about `with`: itself, else the step's name. */
  anchor: MapNode;
}

export function readSteps(root: MapNode, diagnostics: Diagnostics): StepSource[] {
  const presets = child(root, 'presets');
  const section = child(root, 'steps');
  if (section?.kind !== 'map') return [];
  const steps: StepSource[] = [];
  for (const [id, { key, value }] of section.entries) {
    if (value.kind !== 'map') continue;
    const path = ['steps', id];
    const node = withPresets(value, presets, path, [], diagnostics);
    const given = child(node, 'with');
    steps.push({
      id,
      key,
      path,
      node,
      uses: textOf(child(node, 'uses')),
      definition: kindOf(node, path, diagnostics),
      with: given?.kind === 'map' ? given : undefined,
      anchor: given?.kind === 'map' ? given : { kind: 'map', span: key, entries: new Map() },
    });
  }
  return steps;
}

function kindOf(node: MapNode, path: Path, diagnostics: Diagnostics): KindDefinition | undefined {
  const uses = child(node, 'uses');
  const name = textOf(uses);
  if (!uses || name === undefined) return undefined;
  const definition = KINDS.get(name);
  if (!definition) {
    diagnostics.error('unknown-kind', uses.span, `There is no kind of step ${name}.`, {
      path: [...path, 'uses'],
      hint: didYouMean(name, KINDS.keys(), 'Kinds'),
    });
  }
  return definition;
}

/** The presets that a step names, beneath it: later ones over earlier ones, its own fields over all. */
function withPresets(
  node: MapNode,
  presets: Node | undefined,
  path: Path,
  chain: readonly string[],
  diagnostics: Diagnostics,
): MapNode {
  const named = child(node, 'preset');
  if (!named) return node;
  let base: Node | undefined;
  for (const reference of named.kind === 'list' ? named.items : [named]) {
    const name = textOf(reference);
    if (name === undefined) continue;
    const preset = child(presets, name);
    if (chain.includes(name)) {
      diagnostics.error(
        'preset-cycle',
        reference.span,
        `This preset starts from itself: ${[...chain, name].join(' -> ')}.`,
        {
          path: [...path, 'preset'],
        },
      );
    } else if (preset?.kind !== 'map') {
      const known = presets?.kind === 'map' ? presets.entries.keys() : [];
      if (!preset) {
        diagnostics.error('unknown-preset', reference.span, `There is no preset ${name}.`, {
          path: [...path, 'preset'],
          hint: didYouMean(name, known, 'Presets') ?? 'Declare it under `presets:`.',
        });
      }
    } else {
      const below = withPresets(preset, presets, ['presets', name], [...chain, name], diagnostics);
      base = base ? overlay(base, below) : below;
    }
  }
  if (!base) return node;
  const merged = overlay(base, node) as MapNode;
  const entries = new Map<string, Entry>(merged.entries);
  entries.delete('preset');
  return { ...merged, entries };
}
