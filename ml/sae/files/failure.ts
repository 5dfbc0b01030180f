import { ComputeError } from '../../failure.ts';

/** The failure that every odd, damaged or unsupported file of a dictionary ends in. */
export const badDictionary = (where: string, what: string, hint?: string): ComputeError =>
  new ComputeError('bad-dictionary', `${where}: ${what}`, hint === undefined ? {} : { hint });
