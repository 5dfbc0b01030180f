/** One line of `plumb doctor`: what was found, and what to do when that is not well. */
export interface Finding {
  name: string;
  /** `warning`: works, but slower or smaller than it could; `error`: `plumb run` will fail. */
  status: 'ok' | 'warning' | 'error';
  /** For people, one line. */
  text: string;
  /** What to do; present unless all is well. */
  mend?: string;
  /** The same facts for programs. */
  facts: Record<string, string | number | boolean | null>;
}

export const ok = (name: string, text: string, facts: Finding['facts']): Finding => ({
  name,
  status: 'ok',
  text,
  facts,
});

export const bad = (
  status: 'warning' | 'error',
  name: string,
  text: string,
  mend: string,
  facts: Finding['facts'] = {},
): Finding => ({ name, status, text, mend, facts });

/** 1.5 GB, 320 MB: decimal units, as disks are sold and `df -H` shows them. */
export const formatBytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
