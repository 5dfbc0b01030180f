import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../ml/models/safetensors.ts';
import { stream } from '../../ml/random/stream.ts';
import { randomDirections } from '../../ml/sae/initial-weights.ts';
import { BATCHES, type Configuration } from './configurations.ts';

/**
 * What all sides start from and read: `rows` (unit rows, encoder and decoder alike), `encoder_bias`, and batches of sparse sums
 * of hidden directions with some noise, of mean square norm 1.
 */
export function makeData(directory: string, { width: D, features: F, batch, dead }: Configuration): void {
  mkdirSync(directory, { recursive: true });
  const draws = stream(0, 'bench.sae');
  const hidden = 2 * D;
  const directions_HD = randomDirections(hidden, D, 1, draws);
  const tensors: Record<string, { dtype: 'F32'; shape: number[]; data: Float32Array }> = {
    rows: { dtype: 'F32', shape: [F, D], data: randomDirections(F, D, 1, draws) },
    // The last features are held down, where some shall be dead.
    encoder_bias: {
      dtype: 'F32',
      shape: [F],
      data: Float32Array.from({ length: F }, (_, f) => (f >= F * (1 - dead) ? -100 : 0)),
    },
  };
  for (let i = 0; i < BATCHES; i++) {
    const acts_BD = draws.normals(batch * D).map((x) => (0.1 * x) / Math.sqrt(D));
    for (let b = 0; b < batch; b++) {
      for (let n = 0; n < 16; n++) {
        const h = Math.floor(draws.uniform() * hidden);
        const size = draws.uniform() * 0.43;
        for (let d = 0; d < D; d++) acts_BD[b * D + d]! += size * directions_HD[h * D + d]!;
      }
    }
    tensors[`batch.${i}`] = { dtype: 'F32', shape: [batch, D], data: acts_BD };
  }
  writeSafetensors(join(directory, 'data.safetensors'), tensors);
}
