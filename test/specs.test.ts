import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { validate } from '../cli/commands/validate.ts';

const specs = fileURLToPath(new URL('../specs', import.meta.url));
const files = readdirSync(specs, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml'))
  .sort();

test('the experiments of the paper are among them', () => {
  expect(files.filter((path) => path.startsWith('paper/')).length).toBeGreaterThanOrEqual(4);
});

test.each(files)('specs/%s has a complete plan', async (path) => {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  const code = await validate([join(specs, path)], {});
  write.mockRestore();
  expect({ code, text }).toEqual({
    code: 0,
    text: expect.stringMatching(/^ok .* \d+ steps?, (up to )?\d+ points?\n$/),
  });
});
