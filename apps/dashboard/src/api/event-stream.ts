import { createEventParser, type ServerEvent } from '../model/event-parser.ts';
import { send } from './client.ts';

/** The server says something at least every 15 s. */
const silenceMsMax = 40_000;

/**
 * Reads `/v1/events` until it ends; an EventSource could not send the token.
 * @throws {ApiError} when it is refused; another error when the stream breaks or falls silent.
 */
export async function readEvents(
  signal: AbortSignal,
  { onOpen, onEvents }: { onOpen: () => void; onEvents: (events: readonly ServerEvent[]) => void },
): Promise<void> {
  const silence = new AbortController();
  const response = await send('/v1/events', { signal: AbortSignal.any([signal, silence.signal]) });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  onOpen();
  const parse = createEventParser();
  for (;;) {
    const timer = setTimeout(() => silence.abort(new Error('the event stream is silent')), silenceMsMax);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const events = parse(value);
    if (events.length > 0) onEvents(events);
  }
}
