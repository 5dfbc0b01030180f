/** The embedded server or worker could not do what was asked. `hint` says what to do. */
export class EmbeddedError extends Error {
  override name = 'EmbeddedError';
  constructor(
    readonly code: 'no-temporal' | 'server-failed' | 'worker-failed' | 'locked',
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}
