import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { WORKFLOW_QUEUE } from '../../worker/slots.ts';
import type { ExperimentResult } from '../../workflows/types.ts';
import { input } from '../workflows/support/plans.ts';
import type { Built } from './build.ts';
import {
  checkBeginnings,
  checkRecord,
  checkResults,
  checkVisibility,
  type Resumed,
  readRecord,
  resultsOf,
  resumes,
  type Shot,
} from './checks.ts';
import { Cluster, clocksCanBeSkewed } from './cluster.ts';
import { Disturber, type Done } from './disturber.ts';
import { chaosPlan, pointsOf, type Size } from './plan.ts';
import type { Fault, Scheduled } from './schedule.ts';
import { SmallDisk } from './small-disk.ts';

export interface ChaosOptions {
  /** Empty; the caller removes it. */
  directory: string;
  built: Built;
  name: string;
  size: Size;
  hosts: number;
  slots: number;
  heartbeatSeconds: number;
  handOverEvents: number;
  say(line: string): void;
}

export interface Outcome {
  problems: string[];
  done: Done[];
  shots: Shot[];
  resumed: Resumed[];
  seconds: number;
}

/** Where points are computed twice: undisturbed, which is what they are compared with, and under faults. */
export class Chaos {
  private expected: Map<string, string> | undefined;
  private readonly disk: SmallDisk | null;
  /** Why some faults are not done here. */
  readonly without = new Map<Fault['do'], string>();

  constructor(private readonly options: ChaosOptions) {
    const { directory, size } = options;
    mkdirSync(directory, { recursive: true });
    this.disk = SmallDisk.mount(join(directory, 'disk'), 32e6 + 300e3 * pointsOf(size));
    if (this.disk === null) this.without.set('fill-disk', 'this user may not mount a tmpfs');
    if (!clocksCanBeSkewed) this.without.set('skew-clock', "Debian's package libfaketime is not installed");
  }

  /** The whole plan without a fault. @returns seconds */
  async undisturbed(): Promise<number> {
    const { directory, size } = this.options;
    const began = performance.now();
    const cluster = await this.cluster('undisturbed', join(directory, 'undisturbed', 'store'));
    try {
      const result = await this.run(cluster, { ...size, stepMs: 0 });
      const found = await resultsOf(cluster.store);
      const problems = checkResults(size, found, found, result);
      if (problems.length > 0) throw new Error(`the undisturbed run: ${problems.join('; ')}`);
      this.expected = found;
      return (performance.now() - began) / 1000;
    } finally {
      await cluster.close();
    }
  }

  /** The same plan under the faults of a schedule, and everything that must hold nonetheless. */
  async disturbed(faults: Iterable<Scheduled>, most = Number.POSITIVE_INFINITY): Promise<Outcome> {
    const { directory, size, name, say } = this.options;
    if (!this.expected) throw new Error('the undisturbed run comes first');
    const began = performance.now();
    const cluster = await this.cluster('disturbed', this.disk?.directory ?? join(directory, 'store'));
    try {
      const disturber = new Disturber(cluster, this.disk, `${name}/walk`, say);
      const disturbing = disturber.disturb(faults, most);
      const result = await this.run(cluster, size).finally(() => disturber.stop());
      await disturbing;
      const seconds = (performance.now() - began) / 1000;
      const record = readRecord(cluster.control);
      const found = await resultsOf(cluster.store);
      const pointOf = (document: string) =>
        found.get(document.slice('results/'.length))?.split(' ')[0] ?? document;
      const problems = [
        ...checkResults(size, this.expected, found, result),
        ...checkRecord(record, size),
        ...checkBeginnings(record, pointOf),
        ...(await checkVisibility(cluster.client, name, size)),
      ];
      const { done } = disturber;
      return { problems, done, shots: record.shots, resumed: resumes(record, done), seconds };
    } finally {
      await cluster.close();
    }
  }

  close(): void {
    this.disk?.unmount();
  }

  private cluster(name: string, store: string): Promise<Cluster> {
    const { directory, built, hosts, slots, handOverEvents } = this.options;
    return Cluster.open({
      ...{ directory: join(directory, name), store, built, hosts, slots, handOverEvents },
    });
  }

  /** Runs the plan to its end, whatever becomes of the connection meanwhile. */
  private async run(cluster: Cluster, size: Size): Promise<ExperimentResult> {
    const { name, hosts, slots, heartbeatSeconds } = this.options;
    writeFileSync(join(cluster.control, 'steps'), '');
    const plan = chaosPlan(name, size, cluster.control);
    await cluster.client.workflow.start('experiment', {
      workflowId: name,
      taskQueue: WORKFLOW_QUEUE,
      args: [input(plan, { parallelism: hosts * slots, heartbeatSeconds })],
    });
    for (;;) {
      try {
        return (await cluster.client.workflow.getHandle(name).result()) as ExperimentResult;
      } catch (error) {
        if (error instanceof WorkflowFailedError)
          throw new Error(`${name}: ${error.cause?.message ?? error.message}`);
        await sleep(200);
      }
    }
  }
}
