// Makes docs/example-report/: the report of specs/examples/reviews-files.yaml on a small model and reviews of films.
//
//   npm run example-report [-- --model DIR --reviews FILE]
//
// What is in the store already is not computed again. The reviews' text is no part of the report but for excerpts of a few
// tokens; the page is checked for that before it is put in place.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'docs', 'example-report');
const plumb = join(root, 'dist', 'cli', 'main.cjs');
const SPEC = 'specs/examples/reviews-files.yaml';
const LARGEST = 5e6;
/** Characters of a review that must not stand in a row: excerpts are far shorter. */
const LONGEST = 200;

const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: '../shared/models/reviews-neox' },
    reviews: { type: 'string', default: '../shared/data/imdb-2400.jsonl.gz' },
  },
});
const inputs = Object.entries(given).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

const ran = spawnSync(process.execPath, [plumb, 'run', SPEC, ...inputs], { cwd: root, stdio: 'inherit' });
if (ran.status !== 0) process.exit(ran.status ?? 1);
const page = execFileSync(process.execPath, [plumb, 'report', 'reviews-files'], {
  cwd: root,
  encoding: 'utf8',
});
const made = dirname(page.trim());

const staged = mkdtempSync(join(tmpdir(), 'example-report-'));
mkdirSync(join(staged, 'figures'));
cpSync(join(made, 'report.html'), join(staged, 'report.html'));
for (const file of readdirSync(join(made, 'figures')))
  if (/\.(svg|csv)$/.test(file)) cpSync(join(made, 'figures', file), join(staged, 'figures', file));

const files = readdirSync(staged, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const size = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
if (size > LARGEST) throw new Error(`The report has ${size} bytes; at most ${LARGEST} are to be committed.`);
refuseReviews(readFileSync(join(staged, 'report.html'), 'utf8'));

rmSync(target, { recursive: true, force: true });
cpSync(staged, target, { recursive: true });
rmSync(staged, { recursive: true });
process.stdout.write(`${join(target, 'report.html')}: ${(size / 1e6).toFixed(2)} MB with its figures\n`);

/** No run of LONGEST characters of any review, however it is marked up. */
function refuseReviews(html) {
  const bytes = readFileSync(join(root, given.reviews));
  const lines = (given.reviews.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n');
  const squeeze = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, '');
  const text = squeeze(html.replace(/<[^>]*>/g, '').replace(/&[#a-z0-9]+;/g, ''));
  for (const line of lines.filter(Boolean)) {
    const review = squeeze(JSON.parse(line).text ?? '');
    for (let at = 0; at + LONGEST <= review.length; at += LONGEST / 2)
      if (text.includes(review.slice(at, at + LONGEST)))
        throw new Error(`The report holds ${LONGEST} characters of a review.`);
  }
}
