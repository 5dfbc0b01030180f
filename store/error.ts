/**
 * A store that could not do what was asked. `code`: `missing`, `corrupt`, `disk-full`, `permission`, `bad-name`,
 * `unsupported`, `unavailable`.
 */
export class StoreError extends Error {
  override name = 'StoreError';
  constructor(
    readonly code:
      | 'missing'
      | 'corrupt'
      | 'disk-full'
      | 'permission'
      | 'bad-name'
      | 'unsupported'
      | 'unavailable',
    message: string,
    /** What to do about it. */
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** Whether the same call may succeed later without anyone doing anything. */
  get retryable(): boolean {
    return this.code === 'unavailable' || this.code === 'disk-full';
  }
}
