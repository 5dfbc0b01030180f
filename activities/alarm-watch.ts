import type { Job } from '../compute/types.ts';
import { ComputeError } from '../ml/failure.ts';
import { type Alarm, type AlarmHints, type AlarmState, Alarms, type Watched } from '../ml/rlhf/alarms.ts';
import type { Table } from '../store/table.ts';

/** `alarms:` of a step. */
export interface AlarmParameters {
  action: 'mark' | 'stop';
  window: number;
  kl: number;
  distinct: number;
  length: number;
  'value-loss'?: number;
}

/** The alarms of one run of tuning: notes them, or ends the run, as the step says. */
export class AlarmWatch {
  alarms: Alarm[] = [];
  private readonly watch: Alarms;

  /** @param title of the algorithm, for messages */
  constructor(
    private readonly job: Pick<Job, 'log'>,
    private readonly title: string,
    private readonly params: AlarmParameters,
    hints: AlarmHints,
  ) {
    const { window, kl, distinct, length } = params;
    this.watch = new Alarms({ window, kl, distinct, length, valueLoss: params['value-loss'] }, hints);
  }

  /** @throws ComputeError with the name of the alarm as its code, where alarms stop the run */
  see(metrics: Watched): void {
    for (const alarm of this.watch.see(metrics)) {
      const message = `${this.title}, step ${alarm.step}: ${alarm.message}`;
      if (this.params.action === 'stop') throw new ComputeError(alarm.alarm, message, { hint: alarm.hint });
      this.job.log(`${message}. To change: ${alarm.hint}`);
      this.alarms.push(alarm);
    }
  }

  save(): { alarms: Alarm[]; state: AlarmState } {
    return { alarms: this.alarms, state: this.watch.save() };
  }

  load({ alarms, state }: ReturnType<AlarmWatch['save']>): void {
    this.alarms = [...alarms];
    this.watch.load(state);
  }

  table(): Table {
    return {
      id: 'alarms',
      title: `${this.title}: signs that something went wrong`,
      caption: `Means over ${this.params.window} steps beside those of the first ${this.params.window}. An alarm is raised when its condition begins to hold, and again only after it has ceased to; the run went on.`,
      columns: [
        { key: 'step', label: 'step', format: 'integer' },
        { key: 'alarm', label: 'alarm', format: 'text' },
        { key: 'message', label: 'what was seen', format: 'text' },
        { key: 'saw', label: 'value', format: 'number' },
        { key: 'limit', label: 'limit', format: 'number' },
        { key: 'hint', label: 'what to change', format: 'text' },
      ],
      rows: this.alarms.map(({ step, alarm, message, saw, limit, hint }) => ({
        ...{ step, alarm, message, saw, limit, hint },
      })),
    };
  }
}
