import { windowLosses } from '../language-modelling/loss.ts';
import { maskedWindows } from '../language-modelling/masked-windows.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import { bootstrapMany, meanOf } from '../stats/bootstrap.ts';
import type { Estimate } from '../stats/types.ts';

/** Rows at once; the logits of their positions never exist together (see linear-cross-entropy.ts). */
const BATCH = 16;

export interface PerplexityOptions {
  /** The first so many tokens of each text are predicted; shorter texts count with what they have. */
  tokens: number;
  draws: RandomStream;
  /** Called after each model. */
  progress?: () => void;
}

/**
 * How much worse a tuned model has become at predicting text that people wrote: the perplexity exp(mean over texts of the
 * mean loss a token) of both, and the difference of the mean losses in nats a token, paired by text. Texts of fewer than two
 * tokens are passed over.
 */
export function perplexityDrift(
  before: LanguageModel,
  after: LanguageModel,
  tokenizer: Tokenizer,
  texts: readonly string[],
  { tokens, draws, progress }: PerplexityOptions,
): Record<'perplexity_before' | 'perplexity_after' | 'perplexity_drift', Estimate> {
  const context = Math.min(tokens, before.maxPositions, after.maxPositions);
  const examples = texts
    .map((text) => ({ ids: tokenizer.encode(text).slice(0, context + 1), completion: 1 }))
    .filter(({ ids }) => ids.length >= 2);
  const { windows } = maskedWindows(examples, context, tokenizer.eosId ?? tokenizer.padId);
  const [first, second] = [before, after].map((model) => {
    const losses = windowLosses(model, windows, BATCH);
    progress?.();
    return losses;
  }) as [Float64Array, Float64Array];
  const columns = [first, second, second.map((loss, i) => loss - (first[i] as number))];
  const [a, b, drift] = bootstrapMany(
    windows.count,
    columns.length,
    (rows, out) => {
      for (const [k, column] of columns.entries()) out[k] = meanOf(column, rows);
    },
    { stream: draws, unit: 'text' },
  ) as [Estimate, Estimate, Estimate];
  return { perplexity_before: exponential(a), perplexity_after: exponential(b), perplexity_drift: drift };
}

const exponential = ({ ci_low, ci_high, ...rest }: Estimate): Estimate => ({
  ...rest,
  value: Math.exp(rest.value),
  ...(ci_low !== undefined &&
    ci_high !== undefined && { ci_low: Math.exp(ci_low), ci_high: Math.exp(ci_high) }),
});
