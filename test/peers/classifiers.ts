import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { classifierFromModel } from '../../ml/classifiers/causal-classifier.ts';
import { startEngine } from '../../ml/engine/engine.ts';
import { saveModel } from '../../ml/models/save.ts';
import { stream } from '../../ml/random/stream.ts';

/** Pads the rows, as the saved config says. */
const PAD = 1;

/**
 * Makes a reward model and a classifier of three labels of every tiny model, as `reward.train` does. Writes DIRECTORY/<name>,
 * and DIRECTORY/expected.json: by name, token rows of different lengths and the logits that we compute.
 */
export async function prepare(root: string, directory: string): Promise<void> {
  await startEngine();
  const tiny = join(root, 'test/fixtures/tiny-models');
  const expected: Record<string, { rows: number[][]; pad: number; labels: string[]; logits: number[][] }> =
    {};
  for (const { name: model } of readdirSync(tiny, { withFileTypes: true }).filter((one) =>
    one.isDirectory(),
  )) {
    for (const labels of [['reward'], ['bad', 'neither', 'good']]) {
      const name = `${model} ${labels.length}`;
      const draws = stream(0, name);
      const classifier = classifierFromModel(join(tiny, model), { labels, padId: PAD, draws });
      const vocabulary = Number(classifier.config.vocab_size);
      const rows = [11, 4, 16, 1].map((length, row) =>
        Array.from({ length }, (_, i) => 2 + ((5 + 3 * row + 7 * i * i) % (vocabulary - 2))),
      );
      saveModel(classifier, [], join(directory, name));
      const logits_BL = classifier.logits(rows);
      expected[name] = { rows, pad: PAD, labels, logits: logits_BL.arraySync() };
      logits_BL.dispose();
      classifier.dispose();
    }
  }
  writeFileSync(join(directory, 'expected.json'), JSON.stringify(expected));
}
