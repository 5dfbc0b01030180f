import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchClone, setupModule, write } from './scratch-project.ts';

interface Tensorflow {
  checkEngine(root: string): Promise<{ version?: string; gpu?: boolean; error?: string }>;
}

/** What the check needs of the binding; `also` runs when it is loaded. */
const binding = (product: string, also = '') => `
module.exports = {
  matMul: () => ({ dataSync: () => ${product} }),
  backend: () => ({ binding: { TF_Version: '2.21.0' }, isUsingGpuDevice: false }),
};
${also}
`;

async function check(source: string) {
  const root = scratchClone();
  write(join(root, 'node_modules/@tensorflow/tfjs-node/index.js'), source);
  const { checkEngine } = await setupModule<Tensorflow>('tensorflow.mjs');
  return await checkEngine(root);
}

test('an engine that computes is taken, also where Node 22 warns about what the binding calls', async () => {
  const warning = '(node:1) [DEP0051] DeprecationWarning: The `util.isNullOrUndefined` API is deprecated.\\n';
  const late = `process.on('exit', () => process.stderr.write('${warning}'));`;
  expect(await check(binding('[19, 22, 43, 50]'))).toMatchObject({ version: '2.21.0', gpu: false });
  expect(await check(binding('[19, 22, 43, 50]', late))).toMatchObject({ version: '2.21.0', gpu: false });
});

test('one that does not is not, whatever it prints', async () => {
  const wrong = await check(binding('[0, 0, 0, 0]'));
  expect(wrong.version).toBeUndefined();
  expect(wrong.error).not.toBe('');
  const dies = 'process.stdout.write(\'{"version":"1"}\\n\'); process.exit(3);';
  expect(await check(binding('[19, 22, 43, 50]', dies))).toEqual({ error: '{"version":"1"}' });
});
