import { annotationKit } from './annotation-kit.ts';
import { hfModel } from './hf-model.ts';
import { saeLens } from './saelens.ts';
import type { Exporter } from './types.ts';

/** By format, the word after `--to`. */
export const EXPORTERS = { hf: hfModel, saelens: saeLens, html: annotationKit } as const satisfies Record<
  string,
  Exporter
>;

export type ExportFormat = keyof typeof EXPORTERS;
