/** A file of torch.save that is damaged, hostile, or holds what we do not read. */
export class TorchFileError extends Error {
  override name = 'TorchFileError';

  constructor(
    message: string,
    /** What to do about it, where that is not plain from the message. */
    readonly hint?: string,
  ) {
    super(message);
  }
}
