import type { Method } from '../types.ts';
import { elasticNet } from './elastic-net.ts';
import { logistic } from './logistic.ts';
import { logisticL1 } from './logistic-l1.ts';
import { ridge } from './ridge.ts';
import type { Learner } from './types.ts';

/** @param l1Ratio of the elastic net only */
export function learnerOf(method: Method, l1Ratio: number): Learner {
  switch (method) {
    case 'ridge':
      return ridge;
    case 'lasso':
      return elasticNet(1);
    case 'elastic-net':
      return elasticNet(l1Ratio);
    case 'logistic':
      return logistic;
    case 'logistic-l1':
      return logisticL1;
  }
}
