import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const mainFile = fileURLToPath(new URL('../../../build/dsyncadm.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the real program to its end. */
export async function dsyncadm(
  args: readonly string[],
  { stdin = '', env = {} }: RunOptions = {},
): Promise<Ended> {
  const { DSYNCD_CONFIG: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [mainFile, ...args], { env: { ...inherited, ...env } });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that does not read its input closes it early.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('latin1');
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
