/** One thing to score: what the model was given and what it wrote. */
export interface PromptCompletion {
  prompt: string;
  completion: string;
  /** Tokens that the model wrote, without the end-of-text token, where a model wrote it. */
  tokens?: number;
}

/**
 * Feedback as a function of text, higher is better. A reward must give one finite number a text, in order, and draw
 * nothing: the same text always gets the same score.
 */
export interface Reward {
  /** One line for people: what is scored and how. */
  readonly description: string;
  score(texts: readonly PromptCompletion[]): number[] | Promise<number[]>;
  /** US dollars spent so far, earlier attempts included; absent where nothing is paid for. */
  dollars?(): number;
  /** Lets go of models, files and processes. */
  close?(): void;
}

/** Which part of the text a reward reads. */
export type Scored = 'completion' | 'prefix+completion';
