import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gptNeoXConfig } from '../../../ml/models/gpt-neox-config.ts';
import { createModel } from '../../../ml/models/initialise.ts';
import { saveModel } from '../../../ml/models/save.ts';
import { type RandomStream, stream } from '../../../ml/random/stream.ts';
import { wordLevelTokenizer, writeTokenizer } from '../../../ml/tokenizers/word-level.ts';
import { temporaryDirectory } from './run-body.ts';

export const WIDTH = 16;
const WORDS = 'the a film plot actor scene was is great dull fine odd warm cold and but so very'.split(' ');

/** Short texts over a few words, all different in length and content. */
export function randomTexts(count: number, draws: RandomStream): string[] {
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + draws.integer(14) }, () => draws.choice(WORDS)).join(' '),
  );
}

/** A `texts` artifact. */
export function textsArtifact(texts: readonly string[], digest: string) {
  const directory = temporaryDirectory();
  writeFileSync(
    join(directory, 'texts.jsonl'),
    texts.map((text) => `${JSON.stringify({ text })}\n`).join(''),
  );
  return { $artifact: 'texts', digest, directory };
}

/** A `model` artifact: an untrained GPT-NeoX with a word-level tokenizer. */
export function modelArtifact(digest: string, layers = 3, seed = 7) {
  const directory = temporaryDirectory();
  mkdirSync(directory, { recursive: true });
  const tokenizer = wordLevelTokenizer([WORDS.join(' ')], 64, 32);
  const config = gptNeoXConfig({
    layers,
    width: WIDTH,
    heads: 2,
    mlpWidth: 32,
    vocabulary: 64,
    maxPositions: 32,
    rotaryFraction: 0.25,
    parallelResidual: true,
    tied: false,
    bosId: 0,
    eosId: 0,
  });
  // Larger weights than at a real start: otherwise a layer hardly changes the logits.
  const model = createModel({ ...config, initializer_range: 0.3 }, (name) =>
    stream(seed, `test.model/${name}`),
  );
  const files = writeTokenizer(temporaryDirectory(), tokenizer);
  saveModel(model, files, directory);
  model.dispose();
  return { $artifact: 'model', digest, directory };
}
