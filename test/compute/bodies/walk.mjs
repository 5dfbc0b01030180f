// A resumable body in small: a random walk with a momentum, a random stream and a running average, all of which a
// checkpoint must hold. The artifact is the bytes of the end state.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export async function run(job) {
  const { steps, stepMs = 0, trace, afterMs = 0 } = job.params;
  const weights = new Float32Array(4096);
  const momentum = new Float32Array(4096);
  const counts = new Int32Array(16);
  let random = [job.seed >>> 0 || 1, 12345, 67890, 424242];
  let average = -0;

  const next = () => {
    let t = random[0] ^ (random[0] << 11);
    t = (t ^ (t >>> 8)) >>> 0;
    random = [random[1], random[2], random[3], (random[3] ^ (random[3] >>> 19) ^ t) >>> 0];
    return random[3] / 4294967296 - 0.5;
  };

  await job.loop({
    total: steps,
    save: () => ({
      tensors: {
        weights: { dtype: 'F32', shape: [64, 64], data: weights },
        momentum: { dtype: 'F32', shape: [4096], data: momentum },
        counts: { dtype: 'I32', shape: [16], data: counts },
      },
      json: { random, average },
    }),
    load(state) {
      weights.set(state.tensors.weights.data);
      momentum.set(state.tensors.momentum.data);
      counts.set(state.tensors.counts.data);
      ({ random, average } = state.json);
    },
    async step(i) {
      if (trace) appendFileSync(trace, `${i}\n`);
      for (let j = 0; j < weights.length; j++) {
        momentum[j] = 0.9 * momentum[j] + next();
        weights[j] += 0.01 * momentum[j];
      }
      counts[i % 16]++;
      average = 0.99 * average + 0.01 * weights[i % 4096];
      if (stepMs > 0) await new Promise((resolve) => setTimeout(resolve, stepMs));
      return { loss: average };
    },
  });
  if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
  const out = job.artifact('table', 'walk');
  writeFileSync(
    join(out.directory, 'state.bin'),
    Buffer.concat([Buffer.from(weights.buffer), Buffer.from(momentum.buffer), Buffer.from(counts.buffer)]),
  );
  writeFileSync(join(out.directory, 'state.json'), JSON.stringify({ random, average }));
  return { outputs: { table: out, steps }, metrics: { average: { value: average } }, dollars: 0.25 };
}
