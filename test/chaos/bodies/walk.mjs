// The random walk of test/compute/bodies, which writes down every step that it does, and dies at named points.
import { run as walk } from '../../compute/bodies/walk.mjs';
import { reach, record } from './record.mjs';

export async function run(job) {
  const { control } = job.params;
  const recorded = Object.defineProperty(Object.create(job), 'loop', {
    value: (options) =>
      job.loop({
        ...options,
        step(i) {
          record(control, job.point, i);
          reach(control, 'in-step');
          return options.step(i);
        },
        save() {
          reach(control, 'in-save');
          return options.save();
        },
      }),
  });
  return await walk(recorded);
}
