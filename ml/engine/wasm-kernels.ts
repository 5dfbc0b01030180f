import type { TensorInfo, TypedArray } from '@tensorflow/tfjs';
import type { TensorFlow } from './engine.ts';

/** The part of the wasm backend that kernels use: views into its heap. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: string): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): TypedArray;
}

/** Kernels that the wasm backend lacks and language models need: UnsortedSegmentSum, the gradient of an embedding. */
export function registerWasmKernels(tf: TensorFlow): void {
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, segmentIds } = inputs as unknown as { x: TensorInfo; segmentIds: TensorInfo };
      const { numSegments } = attrs as unknown as { numSegments: number };
      const wasm = backend as unknown as WasmBackend;
      const rowShape = x.shape.slice(segmentIds.shape.length);
      const out = wasm.makeOutput([numSegments, ...rowShape], x.dtype);
      const width = rowShape.reduce((product, n) => product * n, 1);
      const values = wasm.typedArrayFromHeap(x);
      const ids = wasm.typedArrayFromHeap(segmentIds);
      const sums = wasm.typedArrayFromHeap(out).fill(0) as Float32Array;
      for (let row = 0; row < ids.length; row++) {
        const segment = ids[row] as number;
        if (segment < 0) continue;
        for (let i = 0; i < width; i++)
          sums[segment * width + i] =
            (sums[segment * width + i] as number) + (values[row * width + i] as number);
      }
      return out;
    },
  });
}
