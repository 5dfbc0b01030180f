import type { Activation, DictionaryConfig } from './dictionary.ts';
import { hookName } from './hook-names.ts';

/** The release whose fields these are: to a cfg.json without it SAELens applies the names of version 5. */
const SAELENS_VERSION = '6.0.0';

const ARCHITECTURES: Record<Activation['type'], string> = {
  relu: 'standard',
  topk: 'topk',
  jumprelu: 'jumprelu',
};

/**
 * cfg.json of SAELens 6 (`SAEConfig` and its classes per architecture). It passes over fields that it does not know;
 * `metadata` may hold any.
 */
export function saeLensConfig(config: DictionaryConfig): Record<string, unknown> {
  const { activation, layer, site, writes } = config;
  return {
    architecture: architectureOf(config),
    ...(activation.type === 'topk' ? { k: activation.k, rescale_acts_by_decoder_norm: false } : {}),
    d_in: config.width,
    d_sae: config.features,
    ...(writes && { d_out: writes.width }),
    dtype: 'float32',
    device: 'cpu',
    apply_b_dec_to_input: config.subtractsDecoderBias,
    normalize_activations: 'none',
    reshape_activations: 'none',
    metadata: {
      sae_lens_version: SAELENS_VERSION,
      sae_lens_training_version: null,
      hook_name: hookName(site, layer),
      hook_layer: layer,
      ...(writes && { hook_name_out: hookName(writes.site, writes.layer), hook_layer_out: writes.layer }),
      hook_head_index: null,
      context_size: config.maxLength,
      // A slice of positions: from here to the end.
      seqpos_slice: [config.skippedPositions, null],
      training_architecture: config.variant,
    },
  };
}

/** A crosscoder is none of its architectures, and is refused there by this name. */
function architectureOf({ activation, writes, pair }: DictionaryConfig): string {
  if (writes) return writes.skip ? 'skip_transcoder' : 'transcoder';
  return pair?.reads === 'both' ? 'crosscoder' : ARCHITECTURES[activation.type];
}
