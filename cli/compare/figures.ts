import { overlay } from '../../report/figures/overlay.ts';
import type { FigureBlock } from '../../report/types.ts';
import { readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/types.ts';
import type { Side } from './side.ts';

const FIGURE = /^figures\/(.+)\.vl\.json$/;

/** The figures of both runs' reports: those that both have over each other, those that cannot be one after the other. */
export async function compareFigures(
  store: Store,
  before: Side,
  after: Side,
): Promise<{ figures: FigureBlock[]; only: { before: string[]; after: string[] } }> {
  const [old, now] = await Promise.all([figuresOf(store, before), figuresOf(store, after)]);
  const figures = [...now].flatMap(([id, spec]): FigureBlock[] => {
    const other = old.get(id);
    if (!other) return [];
    const both = overlay(other, spec);
    const title = titleOf(id);
    if (both) return [{ type: 'figure', id, title, caption: 'Run A and run B over each other.', spec: both }];
    const apart = 'The two cannot share their axes, so they stand one after the other.';
    return [
      { type: 'figure', id: `${id}-a`, title: `${title}: A`, caption: apart, spec: other },
      { type: 'figure', id: `${id}-b`, title: `${title}: B`, caption: apart, spec },
    ];
  });
  return {
    figures,
    only: {
      before: [...old.keys()].filter((id) => !now.has(id)),
      after: [...now.keys()].filter((id) => !old.has(id)),
    },
  };
}

/** `tuning-curves-ppo` as people read it. */
const titleOf = (id: string): string => id.charAt(0).toUpperCase() + id.slice(1).replaceAll('-', ' ');

async function figuresOf(store: Store, { run }: Side): Promise<Map<string, Record<string, unknown>>> {
  const report = run.result?.reports[0];
  if (!report) return new Map();
  const { files } = await readManifest(store, report.artifact);
  const found = new Map<string, Record<string, unknown>>();
  for (const [path, { sha256 }] of Object.entries(files)) {
    const id = FIGURE.exec(path)?.[1];
    if (id) found.set(id, JSON.parse(new TextDecoder().decode(await store.readBytes(sha256))));
  }
  return found;
}
