// Runs benchmarks: each is bench/<name>.ts, measures ours and a peer in the same run.
//
//   npm run bench                      lists them
//   npm run bench -- NAME... [--json]  runs some; `all` runs every one
//
// With --json, one line a figure: {"name","ours","peer","ratio","unit","better","bar","peerVersion"}.
// A ratio above 1 means that ours is better; the bar is what ours must reach, in the same unit.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cacheDirectory } from '../infra/setup/cache.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const names = readdirSync(join(root, 'bench'))
  .filter((name) => name.endsWith('.ts') && name !== 'types.ts')
  .map((name) => name.slice(0, -'.ts'.length))
  .sort();

/** The benchmark's module, built beside the sources so that packages and paths resolve as they do there. */
async function load(name) {
  const outfile = join(root, 'dist', 'bench', `${name}.js`);
  mkdirSync(join(root, 'dist', 'bench'), { recursive: true });
  await build({
    entryPoints: [join(root, 'bench', `${name}.ts`)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return (await import(pathToFileURL(outfile).href)).benchmark;
}

const ratioOf = ({ ours, peer, better }) => (better === 'higher' ? ours / peer : peer / ours);

const reaches = ({ ours, bar, better }) => (better === 'higher' ? ours >= bar : ours <= bar);

const rounded = (value) => (value === null ? null : Number(value.toPrecision(4)));

function printFigure(figure, json) {
  const ratio = ratioOf(figure);
  if (json) {
    const { name, ours, peer, unit, better, bar, peerVersion } = figure;
    const line = {
      name,
      ours: rounded(ours),
      peer: rounded(peer),
      ratio: rounded(ratio),
      unit,
      better,
      bar: rounded(bar),
      peerVersion,
    };
    console.log(JSON.stringify(line));
    return;
  }
  const verdict = figure.bar === null ? '' : reaches(figure) ? '  ok' : '  BELOW THE BAR';
  const bar = figure.bar === null ? '' : `, bar ${rounded(figure.bar)} ${figure.unit}`;
  const { name, ours, peer, unit, peerVersion } = figure;
  console.log(
    `${name.padEnd(34)} ${rounded(ours)} ${unit}  (${peerVersion}: ${rounded(peer)} ${unit})  ratio ${rounded(ratio)}${bar}${verdict}`,
  );
}

async function main(args) {
  const json = args.includes('--json');
  const wanted = args.filter((arg) => arg !== '--json');
  const chosen = wanted.includes('all') ? names : wanted;
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
    return 2;
  }
  if (chosen.length === 0) {
    for (const name of names) console.log(`${name.padEnd(12)} ${(await load(name)).summary}`);
    console.log('\nnpm run bench -- NAME... [--json]');
    return 0;
  }
  let code = 0;
  for (const name of chosen) {
    const directory = mkdtempSync(join(tmpdir(), `plumb-bench-${name}-`));
    try {
      const benchmark = await load(name);
      const say = (line) => console.error(`${name}: ${line}`);
      for (const figure of await benchmark.run({ root, cache: cacheDirectory(), directory, say }))
        printFigure(figure, json);
    } catch (error) {
      console.error(`${name}: ${error.stack ?? error}`);
      code = 1;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return code;
}

process.exitCode = await main(process.argv.slice(2));
