import type { HookSite } from '../models/types.ts';

/** TransformerLens' names of the sites, after `blocks.<layer>.`: what SAELens calls `hook_name`. */
const NAMES: Record<HookSite, string> = {
  block_in: 'hook_resid_pre',
  attention_out: 'hook_attn_out',
  mlp_in: 'ln2.hook_normalized',
  mlp_out: 'hook_mlp_out',
  block_out: 'hook_resid_post',
};

export const hookName = (site: HookSite, layer: number): string => `blocks.${layer}.${NAMES[site]}`;

/** Where a hook name points to; null where that is no site of ours. */
export function placeOfHook(name: string): { layer: number; site: HookSite } | null {
  const [, layer, hook] = /^blocks\.(\d{1,6})\.(.+)$/.exec(name) ?? [];
  const site = (Object.keys(NAMES) as HookSite[]).find((one) => NAMES[one] === hook);
  return layer === undefined || site === undefined ? null : { layer: Number(layer), site };
}
