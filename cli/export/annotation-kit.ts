import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PAGE_FILE } from '../../activities/annotation/kit-files.ts';
import type { Exporter } from './types.ts';

/** What raters get: the page alone. The key stays in the store, where annotate.import reads it. */
export const annotationKit: Exporter = {
  artifacts: ['annotation-kit'],
  loads: (directory) => `raters, who open ${join(directory, PAGE_FILE)} and send back the file that it saves`,
  write: (source, directory) => rename(join(source, PAGE_FILE), join(directory, PAGE_FILE)),
};
