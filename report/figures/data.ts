import type { Json } from '../../store/types.ts';

/** The rows that a specification draws, of all its data sets, in their order: what its CSV holds. */
export function figureRows(spec: unknown): Record<string, Json>[] {
  if (spec === null || typeof spec !== 'object') return [];
  if (Array.isArray(spec)) return spec.flatMap(figureRows);
  return Object.entries(spec).flatMap(([name, value]) =>
    name === 'data'
      ? ((value as { values?: Record<string, Json>[] } | null)?.values ?? [])
      : name === 'encoding'
        ? []
        : figureRows(value),
  );
}
