import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../ml/engine/engine.ts';

/** The native backend's door to TensorFlow: ops run before it returns. */
interface Binding {
  executeOp(name: string, ...rest: unknown[]): unknown;
  tensorDataSync(...rest: unknown[]): unknown;
}

/**
 * Where the time of `work` goes, in seconds: by TensorFlow op, with how often it ran; `between ops`, which is JavaScript's;
 * and reading numbers back. Measuring costs some microseconds an op, which fall between them.
 */
export async function opProfile(work: () => unknown): Promise<Record<string, number>> {
  const backend = tensorflow().backend() as tf.KernelBackend & { binding: Binding };
  const { binding } = backend;
  const spent = new Map<string, { seconds: number; times: number }>();
  const timed =
    (name: string | null, call: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      const start = performance.now();
      try {
        return call.apply(binding, args);
      } finally {
        const op = name ?? String(args[0]);
        const entry = spent.get(op) ?? { seconds: 0, times: 0 };
        entry.seconds += (performance.now() - start) / 1000;
        entry.times++;
        spent.set(op, entry);
      }
    };
  const executeOp = timed(null, binding.executeOp as (...args: unknown[]) => unknown);
  const tensorDataSync = timed('read back', binding.tensorDataSync as (...args: unknown[]) => unknown);
  // A bare object as the target: the binding's own properties may not be seen differently through a proxy.
  backend.binding = new Proxy({} as Binding, {
    get(_target, key) {
      if (key === 'executeOp') return executeOp;
      return key === 'tensorDataSync' ? tensorDataSync : Reflect.get(binding, key);
    },
  });
  const start = performance.now();
  try {
    await work();
  } finally {
    backend.binding = binding;
  }
  const total = (performance.now() - start) / 1000;
  const inside = [...spent.values()].reduce((sum, { seconds }) => sum + seconds, 0);
  const ops = [...spent].map(([op, { seconds, times }]): [string, number] => [`${op} × ${times}`, seconds]);
  return Object.fromEntries(
    [...ops, ['between ops', total - inside]].sort(([, a], [, b]) => Number(b) - Number(a)),
  );
}

/** The parts that took longest, in milliseconds, on one line. */
export function profileLine(parts: Readonly<Record<string, number>>, most = 9): string {
  const all = Object.entries(parts);
  const total = all.reduce((sum, [, seconds]) => sum + seconds, 0);
  const rest = all.slice(most).reduce((sum, [, seconds]) => sum + seconds, 0);
  const shown = all.slice(0, most).map(([name, seconds]) => `${name}: ${(1000 * seconds).toFixed(0)}`);
  return `${(1000 * total).toFixed(0)} ms: ${[...shown, `others: ${(1000 * rest).toFixed(0)}`].join(', ')}`;
}
