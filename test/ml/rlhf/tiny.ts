import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createModel } from '../../../ml/models/initialise.ts';
import { saveModel } from '../../../ml/models/save.ts';
import { type RandomStream, stream } from '../../../ml/random/stream.ts';
import { lexiconReward, parseLexicon } from '../../../ml/rewards/lexicon.ts';
import { PPO_DEFAULTS, type PpoSettings } from '../../../ml/rlhf/ppo-settings.ts';
import { createTokenizer } from '../../../ml/tokenizers/load.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../../ml/tokenizers/word-level.ts';

// Of tensors this small a second thread only makes the first one wait. Read when TensorFlow loads.
process.env.TF_NUM_INTRAOP_THREADS ??= '1';

const WORDS = ['the', 'film', 'was', 'a', 'plot', 'actor', 'and', 'it', 'good', 'superb', 'bad', 'awful'];

/** Sentences of random words: enough to make prompts of. */
export const TEXTS = Array.from({ length: 300 }, (_, i) => {
  const random = stream(i, 'tiny-text');
  return Array.from({ length: 6 }, () => random.choice(WORDS)).join(' ');
});

const vocabulary = wordLevelTokenizer(TEXTS, 20, 32);
export const tokenizer = createTokenizer(vocabulary.document, vocabulary.settings);

export const reward = lexiconReward(parseLexicon('tiny', 'good\t1\nsuperb\t2\nbad\t-1\nawful\t-2'), {
  scale: 0.5,
  clip: 10,
  scored: 'completion',
});

const config = {
  model_type: 'gpt_neox',
  architectures: ['GPTNeoXForCausalLM'],
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  vocab_size: tokenizer.vocabularySize,
  max_position_embeddings: 32,
  hidden_act: 'gelu',
  rotary_pct: 0.25,
  initializer_range: 0.1,
};

export const tinyModel = (seed = 0) =>
  createModel(config, (name): RandomStream => stream(seed, `model/${name}`));

export const tinySettings = (changes: Partial<PpoSettings> = {}): PpoSettings => ({
  ...PPO_DEFAULTS.corrected,
  batch: 16,
  miniBatch: 8,
  learningRate: 3e-3,
  promptTokens: [1, 3],
  completionTokens: [3, 6],
  ...changes,
});

/** The model as a Hugging Face directory, and the texts as an artifact's. */
export function tinyDirectories(): { model: string; texts: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tiny-'));
  const files = writeTokenizer(join(directory, 'tokenizer'), vocabulary);
  const model = tinyModel();
  saveModel(model, files, join(directory, 'model'));
  model.dispose();
  const texts = mkdtempSync(join(directory, 'texts-'));
  writeFileSync(join(texts, 'texts.jsonl'), TEXTS.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  return { model: join(directory, 'model'), texts };
}
