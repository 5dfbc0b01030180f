/** One dictionary in training, as all sides read it (JSON). */
export interface Configuration {
  name: string;
  variant: 'topk' | 'batch-topk' | 'standard' | 'jumprelu' | 'gated';
  /** D, F, B, k */
  width: number;
  features: number;
  batch: number;
  k: number;
  /** Share of the features that count as dead, and never fire; with some, the auxiliary loss is on. */
  dead: number;
  /** Dense products of batch × width × features that a step cannot do without. */
  products: number;
  peers: Peer[];
  /** Updates whose losses must agree. Default: 8. */
  gateUpdates?: number;
}

interface Peer {
  library: 'dictionary_learning' | 'sparsify';
  /** How many times as fast ours must be; null: nothing was set. */
  bar: number | null;
  /** What the gate compares: the loss, or the fraction of variance unexplained, trained on as sparsify does. */
  compare: 'loss' | 'fvu';
}

const beside = (bar: number | null): Peer => ({
  library: 'dictionary_learning',
  bar,
  compare: 'loss',
});
const SPARSIFY: Peer = { library: 'sparsify', bar: 1, compare: 'fvu' };

const MEDIUM = { width: 512, features: 4096, batch: 2048, k: 32, dead: 0 } as const;

/** Features of one encoder forward are dense in all; the L1 variants need five products, gated two more to train its gate. */
export const CONFIGURATIONS: readonly Configuration[] = [
  { ...MEDIUM, name: 'topk', variant: 'topk', products: 1, peers: [beside(2.2), SPARSIFY] },
  { ...MEDIUM, name: 'topk 30 % dead', variant: 'topk', dead: 0.3, products: 1, peers: [beside(2.2)] },
  {
    ...MEDIUM,
    ...{ name: 'topk d768 F6144', width: 768, features: 6144 },
    variant: 'topk',
    products: 1,
    peers: [beside(2.2), SPARSIFY],
  },
  { ...MEDIUM, name: 'batch-topk', variant: 'batch-topk', products: 1, peers: [beside(2)] },
  // Its loss counts features above a threshold: after some updates rounding decides about one of them.
  { ...MEDIUM, name: 'jumprelu', variant: 'jumprelu', products: 5, peers: [beside(1.3)], gateUpdates: 4 },
  { ...MEDIUM, name: 'gated', variant: 'gated', products: 7, peers: [beside(1.3)] },
  { ...MEDIUM, name: 'standard', variant: 'standard', products: 5, peers: [beside(1.1)] },
];

/** Learning rate of all sides, and the bandwidth and first threshold of jumprelu. */
export const RATE = 1e-3;
export const BANDWIDTH = 0.001;
export const BATCHES = 8;
