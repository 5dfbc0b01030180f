import type { ChatCompletion } from 'openai/resources/chat/completions';

/** What the service says of one request of a batch. */
export interface BatchLine {
  custom_id: string;
  response: {
    status_code: number;
    body: Partial<ChatCompletion> & { error?: { code?: string; message?: string } };
  } | null;
  error: { code?: string; message?: string } | null;
}

/**
 * The lines of a result file by question. They come in any order, and a line may come twice or be torn; of several lines of
 * one question those that were answered come first. What does not parse counts as not there: it is asked again.
 */
export function readBatchLines(text: string): Map<string, BatchLine[]> {
  const lines = new Map<string, BatchLine[]>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    let read: Partial<BatchLine>;
    try {
      read = JSON.parse(line) as Partial<BatchLine>;
    } catch {
      continue;
    }
    if (typeof read?.custom_id !== 'string') continue;
    const { custom_id, response = null, error = null } = read;
    const one = { custom_id, response, error };
    const same = lines.get(custom_id) ?? [];
    if (isAnswered(one)) same.unshift(one);
    else same.push(one);
    lines.set(custom_id, same);
  }
  return lines;
}

export const isAnswered = ({ response, error }: BatchLine): boolean =>
  error === null && response !== null && response.status_code === 200;
