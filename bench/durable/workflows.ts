export { experiment } from '../../workflows/experiment.ts';
export { sweep } from '../../workflows/sweep.ts';
export { bare } from '../search-overhead/workflows.ts';
