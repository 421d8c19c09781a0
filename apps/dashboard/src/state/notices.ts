import { signal } from '@preact/signals';

export interface Notice {
  readonly id: number;
  readonly kind: 'good' | 'bad';
  readonly text: string;
  readonly hint?: string;
}

const noticesMax = 4;
const goodNoticeMs = 8_000;
let lastId = 0;

/** What became of the last things that a person did here. */
export const notices = signal<readonly Notice[]>([]);

/** Good news goes by itself; bad news stays until it is dismissed. */
export function notify(kind: Notice['kind'], text: string, hint?: string): void {
  lastId++;
  const id = lastId;
  const notice: Notice = { id, kind, text, hint };
  notices.value = [...notices.value, notice].slice(-noticesMax);
  if (kind === 'good') setTimeout(() => dismiss(id), goodNoticeMs);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
