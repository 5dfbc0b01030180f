import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exporter } from './types.ts';

const CLASSES = { model: 'AutoModelForCausalLM', classifier: 'AutoModelForSequenceClassification' };

/**
 * Models and classifiers are kept as Hugging Face directories: config.json, safetensors, tokenizer files. They leave as they
 * are.
 */
export const hfModel: Exporter = {
  artifacts: ['model', 'classifier'],
  loads: (directory, type) =>
    `transformers.${CLASSES[type as keyof typeof CLASSES]}.from_pretrained(${JSON.stringify(directory)})`,
  async write(source, directory) {
    for (const name of await readdir(source)) await rename(join(source, name), join(directory, name));
  },
};
