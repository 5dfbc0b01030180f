import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { PAnnealAutoencoder, type PAnnealOptions } from '../../../ml/sae/p-anneal.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import { type DictionaryLearningSection, fromTorch, section, type TorchWeights } from './fixture.ts';
import { expectParameters, packageOptions } from './packages.ts';

const tf = tensorflow();

/** See test/fixtures/make/sae_p_anneal.py. */
const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/sae-p-anneal.json', import.meta.url), 'utf8'),
) as {
  hparams: {
    lr: number;
    warmup_steps: number;
    initial_sparsity_penalty: number;
    anneal_start: number;
    anneal_end: number;
    p_end: number;
    n_sparsity_updates: number;
    sparsity_queue_length: number;
  };
  cases: Record<
    PAnnealOptions['penalty'],
    { p: number; sparsity_coeff: number; loss: number; params_after: TorchWeights | null }[]
  >;
};
const { init, steps } = section<DictionaryLearningSection>('sae_dl_standard');

const create = (penalty: PAnnealOptions['penalty']) =>
  new Trainer(
    new PAnnealAutoencoder(6, 10, fromTorch(init), {
      l1: fixture.hparams.initial_sparsity_penalty,
      penalty,
      pEnd: fixture.hparams.p_end,
      annealStart: fixture.hparams.anneal_start,
      annealEnd: fixture.hparams.anneal_end,
      updates: fixture.hparams.n_sparsity_updates,
      window: fixture.hparams.sparsity_queue_length,
    }),
    packageOptions(fixture),
  );

/** The columns of the section's x, turned i places. */
const batch = (i: number) =>
  tf.tensor2d(steps[0]!.x.map((row) => row.map((_, d) => row[(d - i + 6 * 6) % 6]!)));

test.each(['Lp^p', 'Lp'] as const)(
  '%s: 14 steps with four values of p are those of dictionary_learning',
  (penalty) => {
    const trainer = create(penalty);
    fixture.cases[penalty].forEach((wanted, i) => {
      const losses = trainer.step(i, batch(i));
      expect(losses.p).toBeCloseTo(wanted.p, 6);
      expect(losses.coefficient! / wanted.sparsity_coeff, `coefficient of step ${i}`).toBeCloseTo(1, 4);
      expect(losses.loss! / wanted.loss, `loss of step ${i}`).toBeCloseTo(1, i < 3 ? 5 : 4);
      if (!wanted.params_after) return;
      const { encoder_FD, decoder_FD, encoderBias_F, decoderBias_D } = fromTorch(wanted.params_after);
      expectParameters(
        trainer.autoencoder.parameters,
        {
          encoder: encoder_FD,
          decoder: decoder_FD,
          encoder_bias: encoderBias_F,
          decoder_bias: decoderBias_D,
        },
        1e-4,
      );
    });
  },
);

test('what was restored between two values of p goes on to the same coefficients', () => {
  const whole = create('Lp^p');
  for (let i = 0; i < 14; i++) whole.step(i, batch(i));
  const first = create('Lp^p');
  for (let i = 0; i < 8; i++) first.step(i, batch(i));
  const { tensors, json } = first.state();
  const second = create('Lp^p');
  second.load({ tensors, json: JSON.parse(JSON.stringify(json)) });
  for (let i = 8; i < 14; i++) second.step(i, batch(i));
  expect(second.state()).toEqual(whole.state());
});
