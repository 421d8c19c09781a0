import type { ConsumerStatus } from '@dsyncd/changes';
import type { HostProblem } from '@dsyncd/replicator';
import type { ChannelView } from '../views/views.ts';

/** Something that is not as it should be, for as long as it lasts. */
export interface Condition {
  /** The same condition has the same key in every look. */
  readonly key: string;
  /** `late`: check it. `bad`: a person must act. */
  readonly level: 'late' | 'bad';
  /** One sentence, without counts: it is to stay true while it lasts. */
  readonly text: string;
}

export interface ConditionSubjects {
  readonly channels: readonly ChannelView[];
  readonly problems: readonly HostProblem[];
  readonly consumers: readonly ConsumerStatus[];
}

/** A change that waits longer is late. */
const lateSeconds = 60;

/** What is not as it should be now; one cause is one condition. */
export const conditionsOf = ({ channels, problems, consumers }: ConditionSubjects): Condition[] => [
  ...problems.map(
    ({ check, message }): Condition => ({
      key: `host/${check}`,
      level: 'bad',
      text: `This host: ${message}.`,
    }),
  ),
  ...channels.flatMap(ofChannel),
  ...consumers.flatMap(({ name, failure }): Condition[] =>
    failure === undefined
      ? []
      : [{ key: `consumer/${name}`, level: 'late', text: `Consumer ${name} fails: ${failure.reason}.` }],
  ),
];

function ofChannel({
  channel,
  replica,
  paused,
  breaker,
  queued,
  oldestLagSeconds,
}: ChannelView): Condition[] {
  const found: Condition[] = [];
  const add = (name: string, level: Condition['level'], text: string): void => {
    found.push({ key: `channel/${channel}/${name}`, level, text });
  };
  if (queued.quarantined > 0) add('held', 'bad', `Users are held on channel ${channel} until a person acts.`);
  if (paused) add('paused', 'late', `Channel ${channel} is paused.`);
  // What follows from a replica that does not answer, or from a pause, is no condition of its own.
  if (breaker.state !== 'closed')
    add('peer', 'bad', `The replica ${replica} of channel ${channel} does not answer.`);
  else if (queued.failed > 0)
    add('failed', 'late', `Syncs fail on channel ${channel}; they are tried again.`);
  else if (!paused && queued.quarantined === 0 && oldestLagSeconds > lateSeconds)
    add('late', 'late', `Changes wait for more than a minute on channel ${channel}.`);
  return found;
}
