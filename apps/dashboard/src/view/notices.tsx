import { dismiss, notices } from '../state/notices.ts';

/** Both regions are there from the start, else a screen reader does not read what comes into them. */
export function Notices() {
  return (
    <section class="notices" aria-label="Messages">
      <div role="status">{listOf('good')}</div>
      <div role="alert">{listOf('bad')}</div>
    </section>
  );
}

const listOf = (kind: 'good' | 'bad') =>
  notices.value
    .filter((notice) => notice.kind === kind)
    .map(({ id, text, hint }) => (
      <div key={id} class={`notice is-${kind}`}>
        <div>
          <p>{text}</p>
          {hint !== undefined && <p class="hint">{hint}</p>}
        </div>
        <button type="button" class="quiet" aria-label={`Dismiss: ${text}`} onClick={() => dismiss(id)}>
          ✕
        </button>
      </div>
    ));
