/** The six dictionaries of the benchmark of sweeps, as `with:` of sae.train names what they differ in. */
export const CONFIGURATIONS = [
  { variant: 'standard', l1: 0.05 },
  { variant: 'standard', l1: 0.1 },
  { variant: 'standard', l1: 0.2 },
  { variant: 'topk', k: 16 },
  { variant: 'topk', k: 32 },
  { variant: 'topk', k: 64 },
] as const;

/** That is captured. */
export const LAYER = 2;
export const WIDTH = 512;
export const FEATURES = 1024;
export const BATCH = 2048;
/** 200 k activations. */
export const STEPS = Math.ceil(200_000 / BATCH);
/** Updates whose losses both sides must agree on. */
export const GATE_STEPS = 20;
export const GATE_WARM_UP = 5;
export const RATES = { standard: 1e-3, topk: 2e-4 / Math.sqrt(FEATURES / 2 ** 14) };
