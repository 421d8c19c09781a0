import { counted } from '../model/ages.ts';
import type { Status } from '../model/api-types.ts';
import { type Level, verdictOf } from '../model/verdict.ts';
import { now } from '../state/clock.ts';

const signs: Readonly<Record<Level, string>> = { good: '✓', busy: '↻', late: '!', bad: '✕' };

/** Is everything replicated? */
export function VerdictBanner({ status }: { readonly status: Status }) {
  const { level, sentence, reasons, announcement } = verdictOf(status, now.value);
  return (
    <section class={`banner is-${level}`} aria-labelledby="verdict">
      <div class="sign" aria-hidden="true">
        {signs[level]}
      </div>
      <div>
        <h1 id="verdict">{sentence}</h1>
        {reasons.length > 0 && (
          <ul>
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
        <p class="muted">
          {counted(status.users, 'user')} on {counted(status.channels.length, 'channel')};{' '}
          {status.workers.running} of {status.workers.max} syncs at once in use.
        </p>
      </div>
      <p class="hidden" role="status">
        {announcement}
      </p>
    </section>
  );
}
