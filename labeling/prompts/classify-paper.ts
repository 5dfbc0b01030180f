import type { LabelRequest } from '../types.ts';

/**
 * The question of Marks et al. 2024 (section 3.4): related or not, with no way to abstain. The paper has it for sentiment only;
 * here the task is named.
 */
export function classifyPaperRequest(explanation: string, task: string): LabelRequest {
  return {
    purpose: 'classify',
    messages: [
      {
        role: 'system',
        content: `You are given a description of what a neuron in a neural network looks for. Decide whether it is related to this task: ${task}. Always give a valid label: 1 if it is related, 0 if it is not.`,
      },
      { role: 'user', content: `Description: ${explanation}\n\nAnswer in JSON: {"label": 1 or 0}` },
    ],
    schema: {
      title: 'label',
      type: 'object',
      properties: { label: { enum: [0, 1] } },
      required: ['label'],
      additionalProperties: false,
    },
    maxTokens: 30,
  };
}
