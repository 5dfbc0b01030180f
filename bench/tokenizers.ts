import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createTokenizer, type TokenizerDocument } from '../ml/tokenizers/load.ts';
import { median } from './lib/processes.ts';
import { peerPython } from './lib/python.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

const ROUNDS = 3;

/**
 * Texts to tokens and back, one at a time on one thread, beside the Python package (which is Rust, and gives offsets with
 * every encoding). Real reviews and GPT-NeoX's tokenizer where they are, else the small fixtures.
 */
export const benchmark: Benchmark = {
  summary: 'encoding and decoding texts, beside the Python package tokenizers',
  async run(context) {
    const python = peerPython(context.cache, context.say);
    const { tokenizer: document, texts } = material(context.root);
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    const files = [join(context.directory, 'tokenizer.json'), join(context.directory, 'texts.json')] as const;
    writeFileSync(files[0], JSON.stringify(document));
    writeFileSync(files[1], JSON.stringify(texts));
    const ours: Measured[] = [];
    const peer: (Measured & { version: string })[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      context.say(`round ${round} of ${ROUNDS}, ${texts.length} texts of ${characters} characters`);
      ours.push(measure(document, texts));
      peer.push(askPeer(context, python, files));
    }
    if (ours[0]?.tokens !== peer[0]?.tokens)
      throw new Error(`ours gives ${ours[0]?.tokens} tokens, the peer ${peer[0]?.tokens}`);
    const peerVersion = `tokenizers ${peer[0]?.version}`;
    const rate = (side: Measured[], what: keyof Measured) =>
      characters / 1e6 / median(side.map((one) => one[what]));
    const figure = (name: string, mine: keyof Measured, theirs: keyof Measured): Figure => ({
      ...{ name, ours: rate(ours, mine), peer: rate(peer, theirs) },
      ...{ unit: 'M characters/s', better: 'higher', bar: null, peerVersion },
    });
    return [
      figure('encode, cold caches', 'first', 'first'),
      figure('encode again', 'again', 'again'),
      figure('encode with offsets', 'offsets', 'again'),
      figure('decode', 'decoding', 'decoding'),
    ];
  },
};

/** Seconds for all texts. */
interface Measured {
  tokens: number;
  first: number;
  again: number;
  offsets: number;
  decoding: number;
}

function measure(document: TokenizerDocument, texts: string[]): Measured {
  const tokenizer = createTokenizer(document);
  const seconds = (work: () => void) => {
    const start = performance.now();
    work();
    return (performance.now() - start) / 1000;
  };
  let encoded: number[][] = [];
  const encodeAll = () => {
    encoded = texts.map((text) => tokenizer.encode(text));
  };
  const first = seconds(encodeAll);
  const again = seconds(encodeAll);
  const offsets = seconds(() => {
    for (const text of texts) tokenizer.encodeWithOffsets(text);
  });
  const decoding = seconds(() => {
    for (const ids of encoded) tokenizer.decode(ids);
  });
  return { tokens: encoded.reduce((sum, ids) => sum + ids.length, 0), first, again, offsets, decoding };
}

function askPeer({ root }: BenchmarkContext, python: string, files: readonly string[]) {
  const script = join(root, 'bench/tokenizers/peer.py');
  const env = { ...process.env, TOKENIZERS_PARALLELISM: 'false' };
  const { status, stdout, stderr } = spawnSync(python, [script, ...files], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Measured & { version: string };
}

function material(root: string): { tokenizer: TokenizerDocument; texts: string[] } {
  const unpacked = (path: string) => gunzipSync(readFileSync(path)).toString();
  const [neox, reviews] = ['gpt-neox-tokenizer.json.gz', 'imdb-2400.jsonl.gz'].map((name) =>
    join(root, '../shared/data', name),
  ) as [string, string];
  if (existsSync(neox) && existsSync(reviews)) {
    const lines = unpacked(reviews).trim().split('\n').slice(0, 800);
    const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
    return { tokenizer: JSON.parse(unpacked(neox)) as TokenizerDocument, texts };
  }
  const fixtures = join(root, 'test/fixtures/tokenizers');
  const corpus = readFileSync(join(fixtures, 'corpus.txt'), 'utf8');
  const tokenizer = JSON.parse(readFileSync(join(fixtures, 'byte-level.json'), 'utf8')) as TokenizerDocument;
  return { tokenizer, texts: Array.from({ length: 2000 }, () => corpus) };
}
