// A thread that answers calls, for worker-thread.test.ts.
import { answerCalls } from '@dsyncd/process';

answerCalls({
  perform(name, [value]) {
    if (name === 'echo') return value;
    if (name === 'later') return new Promise((resolve) => setImmediate(resolve, value));
    if (name === 'end') process.exit(3);
    if (name === 'never') return new Promise(() => {});
    if (name !== 'close') throw new Error(`unknown call ${name}`);
  },
  asError: (cause) => cause,
});
