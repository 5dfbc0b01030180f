import { scaled } from '../../ml/features/scale.ts';
import type { Feature, FeatureExample } from '../../ml/features/types.ts';
import type { LabelRequest } from '../types.ts';
import { EXPLANATION } from './explain.ts';

/** Where fewer positions than this are active, the active ones are repeated at the end of a record. */
const SPARSE = 0.2;

const system = `We're studying neurons in a neural network. Each neuron looks for some particular pattern in a short text. Look at the parts of the text that the neuron activates for and summarise in a single sentence what the neuron is looking for. Do not list examples of words.

The activation format is token<tab>activation, one token a line. Activations range from 0 to 10. A neuron that finds what it is looking for has a value above 0: the higher the value, the stronger the match.`;

/**
 * The question of Marks et al. 2024 (section 3.4), after S. Bills et al., "Language models can explain neurons in language
 * models" (2023), in its intended form: every record is scaled to its own peak and sent as a message of its own. Only the form of
 * the reply differs, so that a failed call can be told from an answer.
 */
export function explainPaperRequest(feature: Feature): LabelRequest {
  return {
    purpose: 'explain',
    messages: [
      { role: 'system', content: system },
      ...feature.examples.map((example) => ({ role: 'user' as const, content: record(example) })),
      {
        role: 'user',
        content: `The ${feature.examples.length} records above are of one neuron. What does it look for? Answer in JSON: {"explanation": "..."}`,
      },
    ],
    schema: EXPLANATION,
    maxTokens: 200,
  };
}

/** `token<TAB>level` a line. */
function record({ tokens, activations }: FeatureExample): string {
  const max = Math.max(0, ...activations);
  const lines = tokens.map((token, i) => {
    const level = scaled(activations[i] ?? 0, max);
    return { level, line: `${token.trim() === '' ? JSON.stringify(token) : token.trim()}\t${level}` };
  });
  const active = lines.filter(({ level }) => level > 0);
  const repeated = active.length < SPARSE * lines.length ? ['', ...active.map(({ line }) => line)] : [];
  return [...lines.map(({ line }) => line), ...repeated].join('\n');
}
