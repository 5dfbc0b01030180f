#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '../dist/cli/main.cjs');
if (existsSync(main)) {
  require(main);
} else {
  process.stderr.write('plumb is not built yet.\n  to mend it: npm run setup\n');
  process.exitCode = 1;
}
