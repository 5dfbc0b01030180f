import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import type { MapNode } from '../source/tree.ts';
import { scalars } from './sites.ts';

/** Forms of keys that services hand out. A text that has one of them is a key, whatever field it stands in. */
const FORMS: readonly [RegExp, string][] = [
  [/\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,}/, 'an API key'],
  [/\bhf_[A-Za-z0-9]{30,}/, 'a Hugging Face token'],
  [/\b(?:ghp|gho|ghs|ghu|ghr)_[A-Za-z0-9]{30,}|\bgithub_pat_\w{40,}/, 'a GitHub token'],
  [/\bAKIA[0-9A-Z]{16}\b/, 'an AWS access key'],
  [/\bAIza[0-9A-Za-z_-]{35}/, 'a Google API key'],
  [/\bxox[abposr]-[A-Za-z0-9-]{10,}/, 'a Slack token'],
  [/\bey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/, 'a signed token'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/:\/\/[^/\s:@]+:[^/\s@]{4,}@/, 'an address with a password'],
];

/** No form is shorter; most texts of a file are. */
const SHORTEST = 15;

/** Secrets in the file would end up in git, in the history of the run, and in reports. The message never repeats them. */
export function findPlainSecrets(root: MapNode, diagnostics: Diagnostics): void {
  for (const [node, path] of scalars(root, [])) {
    if (typeof node.value !== 'string') continue;
    const text = node.value;
    if (text.length < SHORTEST) continue;
    const form = FORMS.find(([pattern]) => pattern.test(text));
    if (!form) continue;
    diagnostics.error(
      'secret-as-text',
      node.span,
      `This looks like ${form[1]}. It must not be in the file.`,
      {
        path,
        hint: 'Revoke it if it was committed. Put it in an environment variable of the workers, and write ${{ secrets.NAME }}.',
      },
    );
  }
}
