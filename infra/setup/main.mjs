// Makes a fresh machine ready: packages, native TensorFlow, Temporal, the build. Safe to run at any time, twice at once,
// and after a kill; does only what is missing.
//
//   node infra/setup/main.mjs [--for test] [--again] [--no-build]
//
// Only what an old Node can load is imported before its version is checked.
import { demandNode } from './machine.mjs';

try {
  demandNode();
} catch (failure) {
  process.stderr.write(`set-up stopped: ${failure.message}\n  to mend it: ${failure.mend}\n`);
  process.exit(1);
}
const { setup } = await import('./setup.mjs');
process.exitCode = await setup(process.argv.slice(2));
