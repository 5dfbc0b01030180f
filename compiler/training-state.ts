import type { KindDefinition, ValueType } from './kinds/types.ts';
import type { ParamTree } from './plan/types.ts';

/**
 * Of kinds whose finished training others can go on from (`keep-state`, `continue`): what they add to their `outputs` and
 * `outputsWith`. Such a kind also names its `lengthParameters`.
 */
export const STATE_OUTPUT = {
  state: { type: 'artifact', artifact: 'training-state' },
} as const satisfies Record<string, ValueType>;

export const STATE_WITH = { state: 'keep-state' } as const;

/** In which a training may differ from the one that it goes on from. */
export const freeParameters = ({ lengthParameters = [] }: KindDefinition): string[] => [
  ...lengthParameters,
  ...['continue', 'keep-state'],
];

/** For messages. */
export const lengthsOf = ({ lengthParameters = [] }: KindDefinition): string =>
  lengthParameters.map((name) => `\`${name}\``).join(' or ');

type Map = { [key: string]: ParamTree };

/**
 * The first parameter, by name, in which a training differs from the one that it goes on from, in words; null when there is
 * none. What only the run can tell is taken to be equal.
 */
export function differenceOf(
  theirs: Map,
  ours: Map,
  definition: KindDefinition,
): { path: string; message: string; hint: string } | null {
  const found = firstDifference(theirs, ours, '');
  if (found === null) return null;
  const { path } = found;
  const [was, is] = [shown(path, found.theirs), shown(path, found.ours)];
  return {
    path,
    message: `\`continue\` is the state of a training with ${was}; here it is ${is}.`,
    hint: `Give both steps the same \`${path}\`: only ${lengthsOf(definition)} may differ.`,
  };
}

interface Difference {
  path: string;
  theirs: ParamTree | undefined;
  ours: ParamTree | undefined;
}

function firstDifference(
  theirs: ParamTree | undefined,
  ours: ParamTree | undefined,
  path: string,
): Difference | null {
  if (isOpen(theirs) || isOpen(ours)) return null;
  const here = { path, theirs, ours };
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    const same = theirs.every((item, i) => firstDifference(item, ours[i], path) === null);
    return same && theirs.length === ours.length ? null : here;
  }
  const [was, is] = [mapOf(theirs), mapOf(ours)];
  if (!was || !is) return JSON.stringify(theirs) === JSON.stringify(ours) ? null : here;
  for (const name of [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()) {
    // Artifacts and files are told apart as a whole.
    const whole = name === '$artifact' || name === 'digest' || name === 'sha256';
    const inner = firstDifference(was[name], is[name], path === '' ? name : `${path}.${name}`);
    if (inner) return whole ? here : inner;
  }
  return null;
}

const mapOf = (value: ParamTree | undefined): Map | null =>
  value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Map)
    : null;

/** Whether it holds an expression at its top. */
function isOpen(value: ParamTree | undefined): boolean {
  const map = mapOf(value);
  return map !== null && ('$expr' in map || '$concat' in map);
}

function shown(path: string, value: ParamTree | undefined): string {
  if (value === undefined) return `no \`${path}\``;
  const map = mapOf(value);
  const digest = map?.digest ?? map?.sha256;
  const text = digest === undefined ? JSON.stringify(value) : String(digest).slice(0, 12);
  return `\`${path}\` ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
}
