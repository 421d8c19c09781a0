import { connection, connectionProblem } from '../state/live.ts';
import { tokenRequest } from '../state/operations.ts';

/** Why the page has nothing to show, or shows what was. */
export function ConnectionProblem() {
  const problem = connectionProblem.value;
  if (problem === undefined) return null;
  const isRefused = connection.value === 'refused';
  return (
    <section class="banner is-bad" role="alert" aria-label="Connection">
      <p class="sentence">{isRefused ? 'dsyncd wants a token before it shows anything.' : problem.message}</p>
      <p>
        {isRefused
          ? 'It is in the file that read_token_file or operate_token_file in [listeners.http] names.'
          : problem.hint}
      </p>
      {isRefused && (
        <button
          type="button"
          onClick={() => {
            tokenRequest.value = { reason: problem.message, retry: () => {} };
          }}
        >
          Enter the token
        </button>
      )}
    </section>
  );
}
