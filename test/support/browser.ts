import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

/** Where set-up found a browser; null: none, and why is in set-up's output. */
export const browserPath: string | null = (() => {
  try {
    const stamp = fileURLToPath(new URL('../../node_modules/.plumbline/browser.json', import.meta.url));
    return (JSON.parse(readFileSync(stamp, 'utf8')) as { path?: string }).path ?? null;
  } catch {
    return null;
  }
})();

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath ?? '',
    // Containers give root no user namespaces to make a sandbox of.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}
