import { DefaultFailureConverter, defaultFailureConverter } from '@temporalio/common';

/**
 * Messages and stack traces of failures are fields of their own in histories, which codecs do not see. Temporal's failure
 * converter moves them into a payload when it is told to; this tells the one of this process. (By path, as the SDK has it, a
 * converter must be a CommonJS file beside the program.)
 */
export function encryptFailures(): void {
  if (!(defaultFailureConverter instanceof DefaultFailureConverter))
    throw new Error('This SDK has another failure converter: failures would be left in the clear.');
  Object.assign(defaultFailureConverter.options, { encodeCommonAttributes: true });
}

const OFF = 'encodeCommonAttributes ?? false';
const ON = 'encodeCommonAttributes ?? true';

/** The same for the converter inside the bundle of workflow code, which runs in a context of its own. */
export function withEncryptedFailures(workflowCode: string): string {
  // A bundle that another SDK made must not leave failures in the clear unnoticed.
  if (!workflowCode.includes(OFF))
    throw new Error('The bundle of workflow code has no failure converter that can encrypt. Build it anew.');
  return workflowCode.replaceAll(OFF, ON);
}
