import type { LabelRequest } from '../types.ts';

const system = `You are given a description of a feature inside a language model, and a task that the model was tuned for. Decide whether the feature responds to what the task is about. Answer "related" only if the description itself names it; "unrelated" if it is about something else, also when that often appears in the same texts; "unsure" if the description does not let you tell.`;

/** Abstaining is an answer: a forced choice would inflate the share of related features. */
export function classifyRequest(explanation: string, task: string): LabelRequest {
  return {
    purpose: 'classify',
    messages: [
      { role: 'system', content: system },
      {
        role: 'user',
        content: `Task: ${task}\nDescription: ${explanation}\n\nAnswer in JSON: {"answer": "related" | "unrelated" | "unsure", "reason": "one short sentence"}`,
      },
    ],
    schema: {
      title: 'classification',
      type: 'object',
      properties: {
        answer: { enum: ['related', 'unrelated', 'unsure'] },
        reason: { type: 'string', maxLength: 400 },
      },
      required: ['answer', 'reason'],
      additionalProperties: false,
    },
    maxTokens: 120,
  };
}
