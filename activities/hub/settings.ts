import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Job } from '../../compute/types.ts';
import type { HubSettings } from './types.ts';

type Environment = Record<string, string | undefined>;

/** Settings as Hugging Face's own tools read them: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE, HF_TOKEN. */
export function hubSettings(
  job: Pick<Job, 'signal' | 'progress' | 'log'>,
  secret: { $secret: string } | undefined,
  environment: Environment = process.env,
): HubSettings {
  const token = environment[secret?.$secret ?? 'HF_TOKEN'];
  return {
    endpoint: (environment.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    cache: hubCache(environment),
    offline: /^(1|on|yes|true)$/i.test(environment.HF_HUB_OFFLINE ?? ''),
    ...(token ? { token } : {}),
    signal: job.signal,
    progress: (done, total) => job.progress(done, total),
    log: (message) => job.log(message),
    backoffMs: 1000,
    idleMs: 60_000,
  };
}

function hubCache(environment: Environment): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub');
}
