import { isBuiltin } from 'node:module';
import type { BuildFailure, Plugin } from 'esbuild';
import { ComputeError } from '../../ml/failure.ts';

/**
 * What runs in the thread beside the team's file. A score that is no number is an error here, where it can be shown: a
 * message would turn some of them into something else.
 */
const runner = (file: string) => `
import { parentPort } from 'node:worker_threads';
import * as module from ${JSON.stringify(file)};
const candidates = [module.default, module.score, module.default?.score];
const score = candidates.find((one) => typeof one === 'function');
parentPort.on('message', async ({ prompts, completions }) => {
  try {
    const given = await score(prompts, completions);
    if (!Array.isArray(given) && !ArrayBuffer.isView(given)) throw new Error('it gave no list of numbers, but ' + typeof given);
    const scores = Array.from(given);
    const wrong = scores.find((one) => typeof one !== 'number');
    if (wrong !== undefined || scores.includes(undefined)) throw new Error('it gave a score that is no number: ' + typeof wrong);
    parentPort.postMessage({ type: 'scores', scores });
  } catch (error) {
    parentPort.postMessage({ type: 'failed', message: String(error?.stack ?? error) });
  }
});
parentPort.postMessage({ type: 'ready', scores: typeof score === 'function' });
`;

/** Bundled code may still call `require` for what Node has. Plumbline's own build rewrites the usual spelling of the address. */
const BANNER = `import { createRequire as _createRequire } from 'node:module'; const require = _createRequire(import.meta['url']);`;

/**
 * The program of the thread that runs a module feedback: one self-contained ES module. TypeScript is stripped, not checked.
 * Only what the file itself holds is part of what makes a point new, so it may import nothing but Node's own modules.
 * @throws ComputeError `bad-module` with file, line and column
 */
export async function moduleProgram(file: string): Promise<string> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      stdin: { contents: runner(file), resolveDir: '/', loader: 'js', sourcefile: 'runner.js' },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      banner: { js: BANNER },
      sourcemap: 'inline',
      // What lies around the file must not change what it does.
      tsconfigRaw: '{}',
      logLevel: 'silent',
      plugins: [alone(file)],
    });
    return outputFiles[0]?.text ?? '';
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    if (!first) throw error;
    const at = first.location ? `${file}:${first.location.line}:${first.location.column + 1}` : file;
    throw new ComputeError('bad-module', `${at}: ${first.text}`, {
      hint: 'A reward module is one .js, .mjs or .ts file that exports score(prompts, completions), or that as its default.',
    });
  }
}

const alone = (file: string): Plugin => ({
  name: 'alone',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path }) => {
      if (path === file) return { path };
      if (isBuiltin(path)) return { path: path.startsWith('node:') ? path : `node:${path}`, external: true };
      return {
        errors: [
          {
            text: `it imports ${path}, but only the file itself is part of what makes a point new: put what it needs into it`,
          },
        ],
      };
    });
  },
});
