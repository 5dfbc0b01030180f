// The step `plan`: what each experiment would do, compared with BEFORE (a commit; none: with nothing); which have changed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commentOf } from './markdown.mjs';
import { addSummary, plumb, setOutput, validated } from './plumb.mjs';

const before = knownCommit(process.env.BEFORE);
const plans = validated().files.map(({ path }) => planOf(path));

const changed = plans.filter((each) => each.changed).map(({ path }) => path);
setOutput('changed', JSON.stringify(changed));
const comment = commentOf(plans, { before, store: Boolean(process.env.PLUMBLINE_STORE) });
addSummary(comment);
const file = join(mkdtempSync(join(process.env.RUNNER_TEMP ?? tmpdir(), 'plumbline-')), 'comment.md');
writeFileSync(file, comment);
setOutput('comment-file', file);
process.stdout.write(`${plans.length} experiments, ${changed.length} changed\n`);

/** The commit, fetched where the checkout has no more than its own; undefined for none, as a branch's first push has. */
function knownCommit(revision = '') {
  if (!/^[0-9a-f]{7,64}$/.test(revision) || /^0+$/.test(revision)) return undefined;
  const known = () => git('cat-file', '-e', `${revision}^{commit}`);
  if (known()) return revision;
  git('fetch', '--quiet', '--no-tags', '--depth=1', 'origin', revision);
  return known() ? revision : undefined;
}

function git(...args) {
  return spawnSync('git', args, { stdio: 'ignore' }).status === 0;
}

/** A file that is new, or was broken before, has changed. */
function planOf(path) {
  const there = before !== undefined && git('cat-file', '-e', `${before}:./${path}`);
  const compared = there ? ['--against', before] : [];
  let answer = plumb(['plan', '--json', ...compared, path]);
  const comparable = there && answer.code === 0;
  if (there && !comparable) answer = plumb(['plan', '--json', path]);
  if (answer.code !== 0) throw new Error(`plumb plan ${path} ended with ${answer.code}: ${answer.stderr}`);
  const { plan, total, against } = JSON.parse(answer.stdout);
  const { stdout: text } = plumb(['plan', ...(comparable ? compared : []), path]);
  return {
    path,
    name: plan.name,
    total,
    text,
    isNew: !comparable,
    changed: !comparable || isDifferent(against.diff),
  };
}

function isDifferent({ added, removed, changed, general }) {
  return added.length + removed.length + general.length + Object.keys(changed).length > 0;
}
