import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { isTokenText } from '../model/address.ts';
import { setToken, token } from '../state/address.ts';
import { tokenRequest } from '../state/operations.ts';

/** Asks for the token, keeps it for this tab, and goes on with what needed it. */
export function TokenDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useSignal('');
  const error = useSignal('');
  const request = tokenRequest.value;
  // Not later: the browser's events of the dialog must find it as the request wants it.
  useLayoutEffect(() => {
    text.value = '';
    error.value = '';
    if (request === undefined) dialog.current?.close();
    else if (dialog.current?.open === false) dialog.current.showModal();
  }, [request, text, error]);
  const close = (): void => {
    tokenRequest.value = undefined;
  };
  const onClosed = (): void => {
    // The word of a closing comes late; by then a wrong token may have opened the dialog again.
    if (dialog.current?.open === false) close();
  };
  const save = (event: Event): void => {
    event.preventDefault();
    const given = text.value.trim();
    if (!isTokenText(given)) {
      error.value = given === '' ? 'Enter the token.' : 'A token has no spaces and only plain characters.';
      return;
    }
    setToken(given);
    close();
    request?.retry();
  };
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onClose={onClosed}>
      <form onSubmit={save}>
        <h2 id="token-title">Token</h2>
        {request !== undefined && request.reason !== '' && <p>{request.reason}</p>}
        <label for="token">Token of the role read or operate</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={text.value}
          aria-invalid={error.value !== ''}
          aria-describedby="token-hint token-error"
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <p id="token-hint" class="hint">
          It is in the file that operate_token_file (to act) or read_token_file (to look) names. This tab
          keeps it until it is closed.
        </p>
        <p id="token-error" class="error" role="alert">
          {error}
        </p>
        <div class="actions">
          <button type="submit" class="primary">
            Use this token
          </button>
          {token.value !== undefined && (
            <button
              type="button"
              onClick={() => {
                setToken(undefined);
                close();
              }}
            >
              Forget the present one
            </button>
          )}
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
