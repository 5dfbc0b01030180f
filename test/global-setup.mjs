// The sources import what the JSON Schemas generate, and git does not hold it.
import { fileURLToPath } from 'node:url';
import { buildSchemas } from '../infra/setup/build.mjs';

export async function setup() {
  await buildSchemas(fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''));
}
