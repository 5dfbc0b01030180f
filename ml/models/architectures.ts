import type { Architecture } from './architecture.ts';
import { ConfigError } from './config.ts';
import { gemma } from './gemma.ts';
import { gptNeo } from './gpt-neo.ts';
import { gptNeoX } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';

const ARCHITECTURES: readonly Architecture[] = [gpt2, gptNeo, gptNeoX, gemma, llama, qwen2, qwen3];

/** The architecture that `model_type` of a config.json names. */
export function architectureOf(config: Record<string, unknown>): Architecture {
  const type = config.model_type;
  const found = ARCHITECTURES.find(({ modelType }) => modelType === type);
  if (found) return found;
  const known = ARCHITECTURES.map(({ modelType }) => modelType).join(', ');
  throw new ConfigError(`config.json: model_type ${JSON.stringify(type)} is not supported`, `${known} are`);
}
