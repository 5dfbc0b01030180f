import { scaled } from '../../ml/features/scale.ts';
import type { Feature, FeatureExample } from '../../ml/features/types.ts';
import type { LabelRequest } from '../types.ts';
import { windowText } from './window-text.ts';

/** Tokens are marked from this level on, of 10. */
const MARKED_LEVEL = 3;

const system = `We study features inside a language model. A feature looks for one kind of thing in text: a word, a topic, a tone, a place in a sentence. You get excerpts of texts. Where the feature is active, tokens stand in << >>, and below the excerpt each active token is listed with its activation, from 1 (weak) to 10 (strongest anywhere). Some excerpts are where the feature is strongest, some where it is weaker, some drawn at random, in which it may be silent. Say in one sentence what the feature responds to. Be as specific as the excerpts allow, and no more: describe what the active tokens, and what stands before them, share and silent ones lack. Do not mention tokens, activations or excerpts. If you see no pattern, say "no clear pattern".`;

/**
 * The modern question: marked text and a list of activations on one scale for the whole feature, of strong, weaker and random
 * excerpts (G. Paulo et al., "Automatically Interpreting Millions of Features in Large Language Models", 2024; delphi).
 */
export function explainRequest(feature: Feature): LabelRequest {
  const excerpts = feature.examples
    .map((example, i) => `Excerpt ${i + 1}: ${excerpt(example, feature.max)}`)
    .join('\n\n');
  return {
    purpose: 'explain',
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: `${excerpts}\n\nAnswer in JSON: {"explanation": "..."}` },
    ],
    schema: EXPLANATION,
    maxTokens: 200,
  };
}

export const EXPLANATION: LabelRequest['schema'] = {
  title: 'explanation',
  type: 'object',
  properties: { explanation: { type: 'string', minLength: 3, maxLength: 400 } },
  required: ['explanation'],
  additionalProperties: false,
};

function excerpt({ tokens, activations }: FeatureExample, max: number): string {
  const levels = activations.map((activation) => scaled(activation, max));
  const text = windowText(
    tokens,
    levels.map((level) => level >= MARKED_LEVEL),
  );
  const active = tokens.flatMap((token, i) =>
    (levels[i] ?? 0) > 0 ? `(${JSON.stringify(token.trim())}, ${levels[i]})` : [],
  );
  return `${text}\nActivations: ${active.length > 0 ? active.join(', ') : 'none'}`;
}
