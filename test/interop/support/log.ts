import type { Logger } from '@dsyncd/core';

export interface RecordingLogger extends Logger {
  /** Everything but debug lines, one JSON object a line. */
  text(): string;
}

/** Keeps what is logged, to be shown when a test fails. */
export function recordingLogger(): RecordingLogger {
  const lines: string[] = [];
  const add = (fields: object, message: string): void => {
    lines.push(JSON.stringify({ message, ...fields }));
  };
  const logger: RecordingLogger = {
    debug: () => {},
    info: add,
    warn: add,
    error: add,
    child: () => logger,
    text: () => lines.slice(-20).join('\n'),
  };
  return logger;
}
