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

export interface ServerEvent {
  readonly type: string;
  readonly data: string;
}

/** A server that never ends a line is not believed. */
export const eventCharsMax = 1_000_000;

/**
 * Splits a stream of server-sent events. Given a chunk, answers the events that it completes.
 * @throws {RangeError} when one event has more than {@link eventCharsMax} characters.
 */
export function createEventParser(): (chunk: string) => readonly ServerEvent[] {
  let rest = '';
  return (chunk) => {
    const blocks = `${rest}${chunk}`.replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > eventCharsMax) throw new RangeError('an event without an end');
    return blocks.flatMap(parseBlock);
  };
}

function parseBlock(block: string): readonly ServerEvent[] {
  let type = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (line.startsWith('event:')) type = value;
    else if (line.startsWith('data:')) data.push(value);
  }
  return data.length === 0 ? [] : [{ type, data: data.join('\n') }];
}
