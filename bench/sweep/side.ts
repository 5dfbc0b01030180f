import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { RowBatches } from '../../ml/activations/batches.ts';
import { openActivations } from '../../ml/activations/read.ts';
import { placeRows } from '../../ml/activations/row-source.ts';
import { tensorflow } from '../../ml/engine/engine.ts';
import { writeSafetensorsFile } from '../../ml/models/safetensors-file.ts';
import { trapezoidSchedule } from '../../ml/optimisers/schedules/trapezoid.ts';
import { stream } from '../../ml/random/stream.ts';
import { AUXILIARY_FORMS } from '../../ml/sae/auxiliary-loss.ts';
import { geometricMedian } from '../../ml/sae/geometric-median.ts';
import { randomDirections } from '../../ml/sae/initial-weights.ts';
import { StandardAutoencoder } from '../../ml/sae/standard.ts';
import { TopKAutoencoder } from '../../ml/sae/topk.ts';
import { Trainer } from '../../ml/sae/trainer.ts';
import { answer } from '../lib/answer.ts';
import {
  BATCH,
  CONFIGURATIONS,
  FEATURES,
  GATE_STEPS,
  GATE_WARM_UP,
  LAYER,
  RATES,
  STEPS,
  WIDTH,
} from './configurations.ts';

/**
 * Our side of the gate: writes the batches of the stream and the weights that every dictionary starts with, for the peer, and
 * takes the first steps of each.
 */
await answer(async () => ({
  gate(activations: string, out: string) {
    const tf = tensorflow();
    const opened = openActivations(activations);
    const batches = new RowBatches(placeRows(opened, LAYER, opened.layer(LAYER).scale), {
      rows: opened.index.rows,
      batch: BATCH,
      shuffle: { seed: 0, name: 'sae.rows' },
    });
    const file = openSync(join(out, 'batches.f32'), 'w');
    for (let step = 0; step < STEPS; step++) {
      const acts_BD = batches.batch(step);
      writeSync(file, new Uint8Array(acts_BD.buffer, acts_BD.byteOffset, acts_BD.byteLength));
    }
    closeSync(file);
    const start = performance.now();
    const check = CONFIGURATIONS.flatMap((configuration, i) => {
      const norm = configuration.variant === 'topk' ? 1 : 0.1;
      const rows_FD = randomDirections(FEATURES, WIDTH, norm, stream(i, 'bench.weights'));
      const weights = {
        encoder_FD: rows_FD,
        // The peer projects gradients of the decoder from the first step on: it must be of unit norm there.
        decoder_FD: rows_FD.map((value) => value / norm),
        encoderBias_F: new Float32Array(FEATURES),
        decoderBias_D:
          configuration.variant === 'topk'
            ? geometricMedian(batches.batch(0), WIDTH)
            : new Float32Array(WIDTH),
      };
      writeSafetensorsFile(join(out, `start-${i}.safetensors`), {
        encoder: { dtype: 'F32', shape: [FEATURES, WIDTH], data: weights.encoder_FD },
        decoder: { dtype: 'F32', shape: [FEATURES, WIDTH], data: weights.decoder_FD },
      });
      const autoencoder =
        configuration.variant === 'topk'
          ? new TopKAutoencoder(WIDTH, FEATURES, weights, {
              k: configuration.k,
              auxiliaryCoefficient: 1 / 32,
              auxiliaryForm: AUXILIARY_FORMS['dictionary-learning'],
              reconstruction: 'squared-error',
            })
          : new StandardAutoencoder(WIDTH, FEATURES, weights, { l1: configuration.l1 });
      const trainer = new Trainer(autoencoder, {
        learningRate: RATES[configuration.variant],
        schedule: trapezoidSchedule({ total: STEPS, warmup: GATE_WARM_UP }),
        sparsity: () => 1,
        maxGradientNorm: configuration.variant === 'topk' ? 1 : null,
        deadAfter: 10_000_000,
        threshold: { beta: 0.999, from: 0 },
      });
      const losses = Array.from({ length: GATE_STEPS }, (_, step) => {
        const acts_BD = tf.tensor2d(batches.batch(step), [BATCH, WIDTH]);
        const { loss } = trainer.step(step, acts_BD);
        acts_BD.dispose();
        return loss as number;
      });
      trainer.dispose();
      return losses;
    });
    return { seconds: (performance.now() - start) / 1000, check, parts: {} };
  },
}));
