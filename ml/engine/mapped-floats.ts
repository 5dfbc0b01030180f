import type * as tf from '@tensorflow/tfjs';
import { isGpu, isNative, tensorflow } from './engine.ts';
import { attribute, rawOp } from './raw-op.ts';

/**
 * Float32 tensors that are a file's own bytes in memory (mmap), not a copy of them: nothing is read before it is used, and
 * what several processes load they share. TensorFlow keeps the file mapped as long as one of the tensors lives; it must not
 * change meanwhile. Only where TensorFlow runs on this machine's processor.
 */
export class MappedFloats {
  private readonly whole: tf.Tensor;

  /** @param bytes the length of the file */
  constructor(path: string, bytes: number) {
    const attributes = [
      attribute.type('dtype', 'float'),
      attribute.shape('shape', [Math.floor(bytes / 4)]),
      attribute.string('memory_region_name', path),
    ];
    this.whole = tensorflow().keep(rawOp('ImmutableConst', attributes, []));
  }

  /** Whether a tensor at byte `begin` of the file, up to `end`, can be used as it lies there: TensorFlow copies others. */
  static aligned(begin: number, end: number): boolean {
    return begin % ALIGNMENT === 0 && end % ALIGNMENT === 0;
  }

  static supported(): boolean {
    return isNative() && !isGpu();
  }

  /** The tensor at byte `begin`. */
  at(begin: number, shape: readonly number[]): tf.Tensor {
    const tf = tensorflow();
    const size = shape.reduce((product, n) => product * n, 1);
    return tf.tidy(() => {
      const range = [begin / 4, size].map((n) => tf.tensor1d([n], 'int32'));
      const flat = rawOp('Slice', [], [this.whole, ...range]);
      return rawOp('Reshape', [], [flat, tf.tensor1d([...shape], 'int32')]);
    });
  }

  /** The tensors that were taken go on to live. */
  dispose(): void {
    this.whole.dispose();
  }
}

/** EIGEN_MAX_ALIGN_BYTES of every build of TensorFlow for x86-64 and arm64, or a multiple of it. */
const ALIGNMENT = 64;
