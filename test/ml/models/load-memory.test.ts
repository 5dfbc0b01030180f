import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { architectureOf } from '../../../ml/models/architectures.ts';
import { gptNeoXConfig } from '../../../ml/models/gpt-neox-config.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { saveModel } from '../../../ml/models/save.ts';

const STATUS = '/proc/self/status';
const kilobytes = (field: string) =>
  Number(readFileSync(STATUS, 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))?.[1]);
/** The most memory that this process holds while `run` does its work, beyond what it holds before: in bytes. */
async function peakOf<T>(run: () => Promise<T> | T): Promise<{ peak: number; value: T }> {
  const before = kilobytes('VmRSS');
  writeFileSync('/proc/self/clear_refs', '5');
  const value = await run();
  return { peak: 1024 * (kilobytes('VmHWM') - before), value };
}

/** The shape of Pythia-70m but for its depth: a third of it is one tensor. */
const config = gptNeoXConfig({
  layers: 3,
  width: 512,
  heads: 8,
  mlpWidth: 2048,
  vocabulary: 50304,
  maxPositions: 2048,
  rotaryFraction: 0.25,
  parallelResidual: true,
  tied: false,
  bosId: 0,
  eosId: 0,
});

test.skipIf(!existsSync(STATUS))(
  'loading takes the parameters in float32 and no second copy; using them adds little',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'load-memory-'));
    try {
      const size = writeZeros(directory);
      // The engine itself, and what it allocates once.
      tensorflow().tidy(
        () =>
          void tensorflow()
            .ones([512, 512])
            .matMul(tensorflow().ones([512, 512]))
            .dataSync(),
      );
      const loading = await peakOf(() => loadModel(directory));
      const model = loading.value;
      const using = await peakOf(() => {
        const tf = tensorflow();
        tf.tidy(
          () => void model.unembed(model.forward(tf.tensor2d([[1, 2, 3]], undefined, 'int32'))).dataSync(),
        );
      });
      const saving = await peakOf(() => saveModel(model, [], join(directory, 'saved')));
      const share = (bytes: number) => bytes / size;
      process.stdout.write(
        `${(size / 1e6).toFixed(0)} MB of parameters: loading ${share(loading.peak).toFixed(3)}, first use +${share(using.peak).toFixed(3)}, saving +${share(saving.peak).toFixed(3)}\n`,
      );
      expect(share(loading.peak)).toBeLessThan(1.15);
      // That it was measured at all: a system short of memory takes pages back meanwhile.
      expect(share(loading.peak)).toBeGreaterThan(0.3);
      expect(share(using.peak)).toBeLessThan(0.15);
      model.dispose();
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

/** A checkpoint of zeros in bfloat16. @returns the bytes of its parameters in float32 */
function writeZeros(directory: string): number {
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  let position = 0;
  const header: Record<string, unknown> = {};
  for (const { name, shape } of architectureOf(config).describe(config).parameters) {
    const end = position + 2 * shape.reduce((product, n) => product * n, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [position, end] };
    position = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(directory, 'model.safetensors'), Buffer.concat([length, json, Buffer.alloc(position)]));
  return 2 * position;
}
