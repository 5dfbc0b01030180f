import type { Job } from '../../compute/types.ts';
import { type CaptureItem, rowsOf } from '../../ml/activations/types.ts';
import { dataOf } from '../../ml/engine/data-of.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { Tokenizer } from '../../ml/models/types.ts';
import { stream } from '../../ml/random/stream.ts';
import type { Dictionary } from '../../ml/sae/dictionary.ts';
import { estimateConcept } from '../../ml/sae/probing/estimates.ts';
import { probeConcept, SHUFFLES } from '../../ml/sae/probing/probe-concept.ts';
import { type RatedToken, ratedTokens } from '../../ml/sae/probing/rated-tokens.ts';
import type { Estimate } from '../../ml/stats/types.ts';
import { familyOf } from '../../ml/triples/families.ts';
import type { SaeEvaluateParameters } from '../../schemas/generated/parameters.ts';
import { openLexicon } from '../feedback.ts';

/** Fewer families of a sign cannot be dealt into folds that mean something. */
const FEWEST_FAMILIES = 5;

/** Gathers activations at the tokens of rated words while texts are read, and probes them at the end. */
export class WordProbing {
  private readonly kept: Float32Array;
  private readonly rowsOfItem = new Map<number, { row: number; at: number }[]>();

  private constructor(
    private readonly tokens: readonly RatedToken[],
    private readonly width: number,
  ) {
    this.kept = new Float32Array(tokens.length * width);
    tokens.forEach(({ item, row }, at) => {
      this.rowsOfItem.set(item, [...(this.rowsOfItem.get(item) ?? []), { row, at }]);
    });
  }

  /** @throws ComputeError bad-data when too few rated words are in the texts */
  static async open(
    params: SaeEvaluateParameters,
    items: readonly CaptureItem[],
    texts: readonly string[],
    tokenizer: Tokenizer,
    width: number,
    seed: number,
  ): Promise<WordProbing | null> {
    if (!params.probing) return null;
    const lexicon = await openLexicon(params.probing.feedback);
    const tokens = ratedTokens(items, texts, tokenizer, lexicon, stream(seed, 'sae.evaluate.words'));
    for (const [sign, name] of [
      [1, 'positive'],
      [-1, 'negative'],
    ] as const) {
      const families = new Set(
        tokens.filter(({ value }) => Math.sign(value) === sign).map(({ word }) => familyOf(word)),
      );
      if (families.size >= FEWEST_FAMILIES) continue;
      throw new ComputeError(
        'bad-data',
        `The ${items.length} texts have ${families.size} families of ${name} words; probing needs ${FEWEST_FAMILIES}`,
        { hint: 'raise `texts` or `max-length`, or leave out `probing`' },
      );
    }
    return new WordProbing(tokens, width);
  }

  /** Takes in the activations [N, D] of items [first, first + items.length). */
  add(first: number, items: readonly CaptureItem[], acts_ND: Float32Array): void {
    let start = 0;
    items.forEach((item, i) => {
      for (const { row, at } of this.rowsOfItem.get(first + i) ?? []) {
        const from = (start + row) * this.width;
        this.kept.set(acts_ND.subarray(from, from + this.width), at * this.width);
      }
      start += rowsOf(item);
    });
  }

  estimates(dictionary: Dictionary, job: Job): Record<string, Estimate> {
    const tf = tensorflow();
    const { width, features: F } = dictionary;
    const rows = this.tokens.length;
    const features = dataOf(() => dictionary.encode(tf.tensor2d(this.kept, [rows, width])));
    const bias_D = dataOf(() => dictionary.decode(tf.zeros([1, F])));
    const words = this.tokens.map(({ word }) => word);
    const values = this.tokens.map(({ value }) => value);
    const result = probeConcept(
      {
        words,
        values,
        features: { rows, columns: F, data: features },
        raw: { rows, columns: width, data: this.kept.map((value, i) => value - bias_D[i % width]!) },
        decoder_FD: dictionary.decoder_FD.dataSync() as Float32Array,
      },
      job.seed,
      (done) => job.progress(done, SHUFFLES),
    );
    return estimateConcept(words, values, result, stream(job.seed, 'sae.evaluate.probing'));
  }
}
