import { tensorflow } from '../../ml/engine/engine.ts';

/** The product that the machine's rate is measured by. */
export const GEMM = { rows: 4096, inner: 512, columns: 4096, times: 12 } as const;

/** The best time of one product, as answering.py measures it on the other sides. */
export function gemmSeconds(): number {
  const tf = tensorflow();
  const a = tf.ones([GEMM.rows, GEMM.inner]);
  const b = tf.ones([GEMM.inner, GEMM.columns]);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < GEMM.times; i++) {
    const start = performance.now();
    tf.matMul(a, b).dispose();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  tf.dispose([a, b]);
  return best;
}

/** Floating-point operations a second of a machine that takes so long for it. */
export const gemmRate = (seconds: number) => (2 * GEMM.rows * GEMM.inner * GEMM.columns) / seconds;
