import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gptNeoXConfig } from '../../ml/models/gpt-neox-config.ts';
import { createModel } from '../../ml/models/initialise.ts';
import { saveModel } from '../../ml/models/save.ts';
import { stream } from '../../ml/random/stream.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../ml/tokenizers/word-level.ts';

export const PYTHIA_70M = {
  ...{ layers: 6, width: 512, heads: 8, mlpWidth: 2048, vocabulary: 50304, maxPositions: 2048 },
  ...{ rotaryFraction: 0.25, parallelResidual: true, tied: false, bosId: 0, eosId: 0 },
} as const;

const WORDS = Array.from({ length: 1000 }, (_, i) => `w${i}`);

/** A file of texts of `length` random words, a token each. */
export function makeTexts(directory: string, count: number, length: number): void {
  const draws = stream(0, 'bench.texts');
  const texts = Array.from({ length: count }, () => {
    const text = Array.from({ length }, () => draws.choice(WORDS)).join(' ');
    return `${JSON.stringify({ text })}\n`;
  });
  mkdirSync(directory);
  writeFileSync(join(directory, 'texts.jsonl'), texts.join(''));
}

/** Pythia-70m's shape with random weights, and a tokenizer for such texts, in the directory `model` of `scratch`. */
export function makePythia(scratch: string, length: number): string {
  const model = join(scratch, 'model');
  const made = createModel(gptNeoXConfig(PYTHIA_70M), (name) => stream(0, name));
  const tokenizer = wordLevelTokenizer([WORDS.join(' ')], 2000, length);
  saveModel(made, writeTokenizer(join(scratch, 'tokenizer'), tokenizer), model);
  made.dispose();
  // transformers opens a tokenizer by its class.
  const special = { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', pad_token: '<|endoftext|>' };
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', ...special };
  writeFileSync(join(model, 'tokenizer_config.json'), `${JSON.stringify(config)}\n`);
  return model;
}
