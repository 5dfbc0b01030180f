/**
 * The environment of a compute child. What TensorFlow and the allocator read, they read once, when the process starts, so it
 * is set here and nowhere else.
 */

/** Of the worker's own environment a child sees only these. */
const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_ALL',
  'TZ',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'XDG_CACHE_HOME',
  'PLUMBLINE_CACHE',
  'HF_HOME',
  'HF_HUB_CACHE',
  'HF_ENDPOINT',
  'HF_HUB_OFFLINE',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

/**
 * glibc's allocator: results of TensorFlow ops are large blocks that come and go each step. By default each is mapped and
 * unmapped, and page faults cost up to half of the time; huge pages make them few.
 */
const GLIBC_TUNABLES = 'glibc.malloc.hugetlb=1';

export interface EnvironmentOptions {
  threads: number;
  /** TMPDIR of the child: what it leaves there goes with the attempt. */
  temporaryDirectory: string;
  /** Values of the secrets that the kind may read, by name. */
  secrets: Record<string, string>;
}

export function computeEnvironment(
  options: EnvironmentOptions,
  parent: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => (parent[name] === undefined ? [] : [[name, parent[name]]]));
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    ...options.secrets,
    TMPDIR: options.temporaryDirectory,
    // Results depend on the number of intra-op threads bit by bit.
    TF_NUM_INTRAOP_THREADS: String(options.threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(options.threads),
    TF_CPP_MIN_LOG_LEVEL: '2',
    GLIBC_TUNABLES,
  };
}
