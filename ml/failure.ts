/** Thrown by bodies and by ml code: a failure that says what it is. Anything else is an `internal` failure. */
export class ComputeError extends Error {
  override name = 'ComputeError';
  /**
   * @param code stable, kebab-case: `nan-loss`, `out-of-memory`, `bad-data`, `bad-parameter`, `llm-refused`, `spend-cap` ...
   * @param retryable whether the same attempt may succeed later (rate limits, lost connections)
   * @param hint what to change, naming the field of the spec
   */
  constructor(
    readonly code: string,
    message: string,
    readonly options: {
      retryable?: boolean;
      hint?: string;
      retryAfterSeconds?: number;
      details?: unknown;
    } = {},
  ) {
    super(message);
  }
}
