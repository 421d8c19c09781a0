import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatSpan } from '@dsyncd/core';

export type RehearsalResult = 'passed' | 'refused' | 'aborted' | 'not put back';

export interface RehearsalStep {
  readonly step: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly text: string;
}

/** What is written about a rehearsal, as `--json` prints it. Spans in seconds; null: not measured. */
export interface RehearsalReport {
  readonly result: RehearsalResult;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly hostname: string;
  readonly channel: string;
  readonly replica: string;
  /** Of the oldest change that the replica lacked when this host was left: what a crash at that moment would have put at risk. */
  readonly rpoSeconds: number | null;
  /** From when mail services here were ended until the other host had the canary. */
  readonly rtoSeconds: number | null;
  /** Why it did not pass, one line each. */
  readonly reasons: readonly string[];
  readonly steps: readonly RehearsalStep[];
}

const spanOf = (seconds: number | null): string =>
  seconds === null ? 'not measured' : formatSpan(seconds * 1000);

export const reportText = (report: RehearsalReport): string =>
  [
    `Rehearsal of a failover: ${report.result}`,
    `started ${report.startedAt} on ${report.hostname}, channel ${report.channel} to ${report.replica}`,
    `RPO (what a crash would have put at risk): ${spanOf(report.rpoSeconds)}`,
    `RTO (until the other host had the canary): ${spanOf(report.rtoSeconds)}`,
    ...report.reasons.map((reason) => `reason: ${reason}`),
    ...report.steps.map(
      ({ step, ok, seconds, text }) =>
        `${ok ? 'ok    ' : 'FAILED'} ${step} (${formatSpan(seconds * 1000)}): ${text}`,
    ),
    '',
  ].join('\n');

/** Writes `rehearsal-TIME.txt` and `.json` into the folder. @returns the path of the text. */
export async function writeReport(folder: string, report: RehearsalReport): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = join(folder, `rehearsal-${report.startedAt.replaceAll(/[:.]/g, '-')}`);
  await writeFile(`${name}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(`${name}.txt`, reportText(report));
  return `${name}.txt`;
}
