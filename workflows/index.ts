/** Everything that Temporal can start by name; the entry of the workflow bundle. */
export { experiment } from './experiment.ts';
export { search } from './search.ts';
export { sweep } from './sweep.ts';
export { training } from './training.ts';
