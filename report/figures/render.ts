import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { theme } from './theme.ts';

const HARMLESS = [
  'dropped as it is incompatible',
  // Of panels whose layers filter the same rows: it assumes that the fields are the same, and they are.
  'We will assume that this is the same field from a different fork of the same data source',
];

/**
 * A Vega-Lite specification as an SVG string, without a browser. Deterministic: equal specifications give equal bytes.
 * Throws when the specification is wrong, never draws an empty figure.
 */
export async function renderSvg(spec: Record<string, unknown>): Promise<string> {
  const warnings: string[] = [];
  const note = (...args: readonly unknown[]) => warnings.push(args.join(' '));
  const logger = {
    level: () => logger,
    error: (...args: readonly unknown[]) => {
      note(...args);
      return logger;
    },
    warn: (...args: readonly unknown[]) => {
      note(...args);
      return logger;
    },
    info: () => logger,
    debug: () => logger,
  };
  const compiled = compile({ ...spec, config: theme } as unknown as TopLevelSpec, {
    logger: logger as never,
  }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger: logger as never });
  try {
    vega.resetSVGDefIds();
    const svg = await view.toSVG();
    const problem = warnings.find((warning) => !HARMLESS.some((part) => warning.includes(part)));
    if (problem) throw new Error(`figure: ${problem}`);
    return svg;
  } finally {
    view.finalize();
  }
}
