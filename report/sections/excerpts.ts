import { scaled } from '../../ml/features/scale.ts';
import type { FeatureExample } from '../../ml/features/types.ts';
import { type Html, html } from '../html.ts';
import { LEVELS } from '../style.ts';

/** Tokens on either side of the strongest one: enough to see what it is about, too few to reprint the text. */
const RADIUS = 8;

/** A window of a text, its tokens shaded by activation on the feature's own scale. */
export function excerpt({ tokens, activations }: FeatureExample, max: number): Html {
  const peak = activations.reduce((best, value, i) => (value > (activations[best] ?? 0) ? i : best), 0);
  const [from, to] = [Math.max(0, peak - RADIUS), Math.min(tokens.length, peak + RADIUS + 1)];
  // Pieces of words carry their own spaces; whole words do not.
  const joined = tokens.some((token) => /^\s/.test(token));
  const shown = tokens.slice(from, to).map((token, i) => {
    const text = (joined || i === 0 ? token : ` ${token}`).replace(/\s+/g, ' ');
    const level = Math.min(scaled(activations[from + i] ?? 0, max), LEVELS);
    return level > 0 ? html`<mark class="level-${level}">${text}</mark>` : html`${text}`;
  });
  return html`<div class="excerpt">${from > 0 && '… '}${shown}${to < tokens.length && ' …'}</div>`;
}

/** The strongest first. */
export const strongest = (examples: readonly FeatureExample[], count: number): FeatureExample[] =>
  [...examples].sort((a, b) => b.quantile - a.quantile).slice(0, count);
