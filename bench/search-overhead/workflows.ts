import { proxyActivities } from '@temporalio/workflow';

export { experiment } from '../../workflows/experiment.ts';
export { search } from '../../workflows/search.ts';

const { noop } = proxyActivities<{ noop(trial: number): Promise<number> }>({
  taskQueue: 'bare-cpu',
  startToCloseTimeout: '1 minute',
});

/** What people write with the SDK alone: so many activities, a few at a time. */
export async function bare(trials: number, parallel: number): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < trials) await noop(next++);
  };
  await Promise.all(Array.from({ length: parallel }, one));
}
