import { ComputeError } from '../../ml/failure.ts';
import { DICTIONARY_FILES, KNOWN_FILES } from '../../ml/sae/files/read.ts';
import { SAELENS_SCALER } from '../../ml/sae/files/saelens.ts';

/** The files of a dictionary that we read, in `folder` of a repository: '' is its top. */
export function dictionaryFiles(paths: readonly string[], folder: string): string[] {
  const below = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const there = (name: string) => paths.includes(below(name));
  const format = DICTIONARY_FILES.find(({ files }) => files.every(there));
  if (format) return [...format.files, SAELENS_SCALER].filter(there).map(below);
  const others = paths.flatMap((path) => {
    const [, at, name] = /^(?:(.*)\/)?([^/]+)$/.exec(path) ?? [];
    return DICTIONARY_FILES.some(({ files }) => files[1] === name) ? [at ?? ''] : [];
  });
  throw new ComputeError(
    'bad-dictionary',
    `the repository has no dictionary in ${folder === '' ? 'its top folder' : folder}`,
    {
      hint:
        others.length > 0
          ? `Give as \`folder\` one of: ${others.slice(0, 12).join(', ')}.`
          : `It should have ${KNOWN_FILES}.`,
    },
  );
}
