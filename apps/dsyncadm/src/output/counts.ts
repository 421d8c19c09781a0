/** `1 mail`, `5 mails`, `2 mailboxes`. */
export const countOf = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;
