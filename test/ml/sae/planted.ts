import { ActivationsWriter } from '../../../ml/activations/write.ts';
import { stream } from '../../../ml/random/stream.ts';
import { randomDirections } from '../../../ml/sae/initial-weights.ts';
import { temporaryDirectory } from '../activations/run-body.ts';

/** D, the directions that were planted, how many of them make up one row, and rows. */
export const PLANTED = { width: 16, directions: 24, active: 2, rows: 8000 };
const ROWS_PER_TEXT = 20;

/** Rows of a mean and a few of the directions, each 0.5 to 1.5 long, times 3: the mean square norm is far from 1. */
export function plantedRows(): { directions_TD: Float32Array; acts_ND: Float32Array } {
  const { width: D, directions: T, active, rows } = PLANTED;
  const draw = stream(1, 'test.planted');
  const directions_TD = randomDirections(T, D, 1, draw);
  const mean_D = draw.normals(D, 0.1);
  const acts_ND = new Float32Array(rows * D);
  for (let n = 0; n < rows; n++) {
    const row = acts_ND.subarray(n * D, (n + 1) * D);
    row.set(mean_D);
    for (let a = 0; a < active; a++) {
      const t = Math.floor(T * draw.uniform());
      const length = 0.5 + draw.uniform();
      for (let d = 0; d < D; d++) row[d]! += length * directions_TD[t * D + d]!;
    }
    for (let d = 0; d < D; d++) row[d]! *= 3;
  }
  return { directions_TD, acts_ND };
}

/** They as an `activations` artifact of layer 0. */
export function plantedActivations(): { $artifact: string; digest: string; directory: string } {
  const { width, rows } = PLANTED;
  const directory = temporaryDirectory();
  const writer = new ActivationsWriter({
    directory,
    places: [{ site: 'mlp_out', layer: 0 }],
    width,
    dtype: 'f32',
    shardBytes: 2 ** 20,
  });
  for (let n = 0; n < rows; n++) writer.note(0, Math.floor(n / ROWS_PER_TEXT), n % ROWS_PER_TEXT);
  writer.append([plantedRows().acts_ND]);
  const texts = { total: rows / ROWS_PER_TEXT, visited: rows / ROWS_PER_TEXT, shuffle: null };
  const source = { data: 'data', texts, skippedPositions: 0, padding: false, maxLength: ROWS_PER_TEXT };
  writer.finish({ model: 'model', source: { type: 'texts', ...source } });
  return { $artifact: 'activations', digest: '0'.repeat(64), directory };
}
