import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { writeSafetensorsFile } from '../models/safetensors-file.ts';
import type { LanguageModel } from '../models/types.ts';
import { type LoraOptions, storesInputsFirst } from './lora.ts';

/**
 * Writes what `lora` trains as `peft` lays it out: adapter_config.json, and adapter_model.safetensors with
 * `base_model.model.<layer>.lora_A.weight` [r, in] and `lora_B.weight` [out, r], float32. Loaded by
 * `PeftModel.from_pretrained` on top of the model before training. Source: peft 0.21, utils/save_and_load.py.
 *
 * @param parameters those of the `Trainable`
 * @param head of a sequence classifier over the model, by its names: stored whole, as `modules_to_save`
 */
export function saveAdapter(
  model: LanguageModel,
  parameters: ReadonlyMap<string, tf.Variable>,
  { rank, alpha, targets }: LoraOptions,
  directory: string,
  head: ReadonlyMap<string, tf.Variable> = new Map(),
): void {
  mkdirSync(directory, { recursive: true });
  const layers = [...new Set([...parameters.keys()].map((name) => name.replace(/\.lora_[AB]\.weight$/, '')))];
  const lastParts = new Set(layers.map((layer) => layer.split('.').at(-1) as string));
  const config = {
    peft_type: 'LORA',
    task_type: head.size === 0 ? 'CAUSAL_LM' : 'SEQ_CLS',
    base_model_name_or_path: null,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    target_modules: Array.isArray(targets) ? [...targets].sort() : [...lastParts].sort(),
    fan_in_fan_out: storesInputsFirst(model),
    bias: 'none',
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: head.size === 0 ? null : [...head.keys()].map((name) => name.replace(/\.weight$/, '')),
  };
  writeFileSync(join(directory, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  const tensors = [...parameters, ...head].map(([name, parameter]) => [
    `base_model.model.${name}`,
    { dtype: 'F32' as const, shape: parameter.shape, read: () => parameter.dataSync() as Float32Array },
  ]);
  writeSafetensorsFile(join(directory, 'adapter_model.safetensors'), Object.fromEntries(tensors), {
    format: 'pt',
  });
}
