import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, runProgram } from '@dsyncd/testkit';

export interface Told {
  readonly check: string;
  readonly channel?: string;
  readonly severity: 'ok' | 'unchecked' | 'warning' | 'problem';
  readonly message: string;
  readonly remedy?: string;
  readonly tookMs?: number;
}

export interface Examined {
  readonly code: number;
  readonly checks: readonly Told[];
  /** What a check found. Throws when it did not run. */
  of(check: string): Told;
  /** Names of the checks that found something bad. */
  readonly bad: readonly string[];
}

/** Runs `dsyncadm doctor` with a configuration file. */
export async function examine(
  configFile: string,
  options: { readonly args?: readonly string[]; readonly doveconf?: string } = {},
): Promise<Examined> {
  const args = [...(options.args ?? [])];
  if (options.doveconf !== undefined) {
    const file = join(configFile, '..', 'doveconf.txt');
    await writeFile(file, options.doveconf);
    args.push('--doveconf', file);
  }
  return examined(await runProgram('dsyncadm', ['-c', configFile, 'doctor', '--json', ...args]));
}

function examined({ code, stdout, stderr }: CommandResult): Examined {
  if (stdout === '' || stderr !== '') throw new Error(`doctor ended with ${code}: ${stdout}${stderr}`);
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Told[] };
  return {
    code,
    checks,
    of(check) {
      const found = checks.find((told) => told.check === check);
      if (found === undefined) throw new Error(`no check ${check} among ${stdout}`);
      return found;
    },
    bad: checks
      .filter(({ severity }) => severity === 'problem' || severity === 'warning')
      .map(({ check }) => check),
  };
}
