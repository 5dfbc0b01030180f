import { ComputeError } from '../../ml/failure.ts';

/** Paths that match any of the patterns: * within a folder, ** over folders, ? one character. In order of path. */
export function byPattern(paths: readonly string[], patterns: readonly string[]): string[] {
  const chosen = new Set<string>();
  for (const pattern of patterns) {
    const expression = expressionOf(pattern);
    const found = paths.filter((path) => expression.test(path));
    if (found.length === 0) {
      throw new ComputeError('hub-not-found', `no file matches \`${pattern}\``, {
        hint: `Among the ${paths.length} files are: ${paths.slice(0, 12).join(', ')}.`,
      });
    }
    for (const path of found) chosen.add(path);
  }
  return [...chosen].sort();
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[.+^$()[\]{}|\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : `\\${part}`;
  });
  return new RegExp(`^${source}$`, 'u');
}

const INDEX = 'model.safetensors.index.json';
const WEIGHTS = 'model.safetensors';
const BESIDE = [
  'generation_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

/** The files of a model that we read: configuration, tokenizer, and the weights in safetensors, all shards of them. */
export async function modelFiles(
  paths: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<string[]> {
  const needs = (path: string, hint: string): string => {
    if (paths.includes(path)) return path;
    throw new ComputeError('bad-model', `the repository has no ${path}`, { hint });
  };
  const fixed = [
    needs('config.json', 'Is it a repository of a model for transformers?'),
    needs('tokenizer.json', 'Save the "fast" tokenizer with save_pretrained, and use `model.files`.'),
    ...BESIDE.filter((path) => paths.includes(path)),
  ];
  if (paths.includes(WEIGHTS)) return [...fixed, WEIGHTS];
  const pickled = paths.filter((path) => /\.(bin|pt|pth|ckpt)$/.test(path));
  needs(
    INDEX,
    pickled.length > 0
      ? `It has ${pickled[0]}: pickled weights can run code when they are read, so they are refused. Convert them with from_pretrained(...).save_pretrained(DIR) and use \`model.files\`.`
      : 'It needs weights in safetensors.',
  );
  const { weight_map: map } = JSON.parse(await read(INDEX)) as { weight_map?: Record<string, string> };
  const shards = [...new Set(Object.values(map ?? {}))];
  return [...fixed, INDEX, ...shards.map((path) => needs(path, `${INDEX} names it.`))];
}
