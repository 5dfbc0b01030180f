import type { Schedule } from './types.ts';

/**
 * Rises linearly from 0 over the first `steps` steps: step / steps. As in transformers and PyTorch's LambdaLR, the very
 * first step then has rate 0.
 */
export const warmup =
  (steps: number, after: Schedule): Schedule =>
  (step) =>
    step < steps ? step / steps : after(step);
