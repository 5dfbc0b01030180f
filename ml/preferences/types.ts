/** One comparison: of two completions of a prompt, one was preferred. A line of `preferences.jsonl`. */
export interface PreferencePair {
  prompt: string;
  /** The completions alone, as they follow the prompt (with their leading blank, if they have one). */
  chosen: string;
  rejected: string;
  /** How much better the chosen one is, in units of the reward; absent where only the order is known. */
  margin?: number;
}
