import type { Finding } from './finding.ts';
import { bad, ok } from './finding.ts';

/** The TensorFlow binding calls functions that Node 23 removed; Temporal's SDK needs 20.3. */
export function nodeFinding(version = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const facts = { version, path: process.execPath };
  if (major < 20 || (major === 20 && minor < 3) || major >= 23) {
    return bad('error', 'Node', `${version} is not supported`, 'use Node 20.3 to 22: nvm install 22', facts);
  }
  return ok('Node', `${version} (${process.execPath})`, facts);
}
