import { readFileSync } from 'node:fs';
import type { TorchWeights } from './fixture.ts';

/** Recorded from dictionary_learning by test/fixtures/make/sae_sparse.py. */
interface SparseFixture {
  matryoshka: MatryoshkaSection;
  matryoshka_auxk: MatryoshkaSection;
  resampling: {
    hparams: { l1_penalty: number; every: number };
    init: TorchWeights;
    steps: {
      x: number[][];
      rate: number;
      drawn: { errors: number[]; indices: number[] } | null;
      params_after: TorchWeights;
    }[];
  };
}

export interface MatryoshkaSection {
  hparams: { k: number; groups: number[]; warmup_steps: number; lr: number; dead: number[] };
  init: TorchWeights;
  steps: {
    x: number[][];
    losses: { loss: number; auxk_loss: number };
    threshold: number;
    raw_grads?: TorchWeights;
    params_after: TorchWeights;
  }[];
}

export const sparseFixture = JSON.parse(
  readFileSync(new URL('../../fixtures/sae-sparse.json', import.meta.url), 'utf8'),
) as SparseFixture;
