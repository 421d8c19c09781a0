import { InvalidArgumentError } from 'commander';

/** A count or a number of seconds on the command line. */
export function parseWholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
