import {
  openPaidClient,
  type PaidClientPlaces,
  type PaidClientSettings,
  type PaidClientUse,
} from './paid-client.ts';
import { type JudgedText, judgeRequest } from './prompts/judge.ts';

export interface JudgeSettings extends PaidClientSettings {
  rubric: string;
  /** The lowest and the highest score. */
  range: readonly [number, number];
}

/** A language model that scores texts by a rubric. */
export interface Judge {
  /** One score a text, in order. A call that gave none is an error, never a score. */
  score(texts: readonly JudgedText[]): Promise<number[]>;
  /** US dollars spent so far, earlier attempts included. */
  dollars(): number;
  close(): void;
}

export function openJudge(
  settings: JudgeSettings,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
  use: PaidClientUse,
): Judge {
  const { client, ledger, close } = openPaidClient(settings, places, environment, use);
  const ask = async (text: JudgedText): Promise<number> => {
    const { value } = await client.ask(judgeRequest(settings.rubric, settings.range, text));
    return value.score as number;
  };
  let closed = false;
  return {
    async score(texts) {
      // Equal texts are one question.
      const asked = new Map<string, Promise<number>>();
      for (const text of texts) {
        const key = JSON.stringify([text.prompt, text.completion]);
        if (!asked.has(key)) asked.set(key, ask(text));
      }
      // A failure waits for the calls in flight: what they cost is in the ledger before it is closed.
      await Promise.allSettled(asked.values());
      return Promise.all(
        texts.map(
          ({ prompt, completion }) => asked.get(JSON.stringify([prompt, completion])) as Promise<number>,
        ),
      );
    },
    dollars: () => ledger.committed(),
    close() {
      if (!closed) close();
      closed = true;
    },
  };
}
