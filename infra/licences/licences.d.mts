/** Whether an SPDX expression can be met with allowed licences. */
export function allowed(expression: string): boolean;

/** Every production package of a lock file with its licence; `null` when nobody knows it. */
export function productionLicences(root: string): { id: string; licence: string | null }[];
