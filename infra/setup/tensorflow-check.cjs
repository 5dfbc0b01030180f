// Run as a program of its own, in the root of the project: loads the native backend, multiplies two matrices, and
// prints what it found as one line of JSON. A broken library may crash the process: nobody but this child notices.
const { createRequire } = require('node:module');
const { join } = require('node:path');

process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
const began = performance.now();
const tf = createRequire(join(process.cwd(), 'package.json'))('@tensorflow/tfjs-node');
const product = Array.from(
  tf
    .matMul(
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    )
    .dataSync(),
);
if (product.join() !== '19,22,43,50') throw new Error(`wrong product: ${product.join()}`);
const backend = tf.backend();
const found = {
  version: backend.binding.TF_Version,
  gpu: backend.isUsingGpuDevice === true,
  milliseconds: Math.round(performance.now() - began),
};
process.stdout.write(`\n${JSON.stringify(found)}\n`);
