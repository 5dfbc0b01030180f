import { schemas } from '../../schemas/generated/schemas.js';
import type { ParamTree } from '../plan/types.ts';
import { chosen } from '../schema/report.ts';
import type { Schema } from '../schema/types.ts';

/** Dotted paths of the parameters of a tree that change no result (`x-in-key: false`); `*` for every element of a list. */
export function outsideKey(
  tree: ParamTree | undefined,
  schema: Schema,
  feedback: ParamTree,
  path: readonly string[] = [],
): string[] {
  if (tree === undefined) return [];
  if (schema['x-in-key'] === false) return [path.join('.')];
  if (tree === null || typeof tree !== 'object') return [];
  if (Array.isArray(tree))
    return tree.flatMap((item) => outsideKey(item, schema.items ?? {}, feedback, [...path, '*']));
  if (isFeedbackName(tree)) return outsideKey(feedback, schemas.feedback, null, path);
  // Only the run can tell what comes here.
  if ('$expr' in tree) return allOutsideKey(schema, path);
  return Object.entries(chosen(schema, tree).properties ?? {}).flatMap(([name, property]) =>
    outsideKey((tree as Record<string, ParamTree>)[name], property, feedback, [...path, name]),
  );
}

function allOutsideKey(schema: Schema, path: readonly string[]): string[] {
  if (schema['x-in-key'] === false) return [path.join('.')];
  return [
    ...(schema.oneOf ?? []).flatMap((branch) => allOutsideKey(branch, path)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
      allOutsideKey(inner, [...path, name]),
    ),
    ...(schema.items ? allOutsideKey(schema.items, [...path, '*']) : []),
  ];
}

/** Whether an expression is `feedback`, that of the file. */
export const isFeedbackName = (tree: object): boolean => {
  const { $expr } = tree as { $expr?: { op?: string; name?: string } };
  return $expr?.op === 'name' && $expr.name === 'feedback';
};
