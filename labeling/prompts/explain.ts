import { scaled } from '../../ml/features/scale.ts';
import type { Feature } from '../../ml/features/types.ts';
import type { LabelRequest } from '../types.ts';

/** `token<TAB>activation` a line, as in Bills et al. (2023), "Language models can explain neurons in language models". */
export function record(feature: Feature, example: Feature['examples'][number]): string {
  return example.tokens
    .map(
      (token, i) =>
        `${token.trim() === '' ? JSON.stringify(token) : token.trim()}\t${scaled(example.activations[i] ?? 0, feature.max)}`,
    )
    .join('\n');
}

const system = `We study features inside a language model. A feature looks for one kind of thing in text: a word, a topic, a tone, a place in a sentence. You get excerpts, one token a line, each with the feature's activation there from 0 (silent) to 10 (strongest anywhere). Say in one sentence what the feature responds to. Be as specific as the excerpts allow, and no more: describe what the active tokens share and silent ones lack. Do not mention tokens, activations or excerpts. If you see no pattern, say "no clear pattern".`;

export function explainRequest(feature: Feature): LabelRequest {
  const excerpts = feature.examples
    .map((example, i) => `Excerpt ${i + 1}\n${record(feature, example)}`)
    .join('\n\n');
  return {
    purpose: 'explain',
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: `${excerpts}\n\nAnswer in JSON: {"explanation": "..."}` },
    ],
    schema: {
      title: 'explanation',
      type: 'object',
      properties: { explanation: { type: 'string', minLength: 3, maxLength: 400 } },
      required: ['explanation'],
      additionalProperties: false,
    },
    maxTokens: 200,
  };
}
