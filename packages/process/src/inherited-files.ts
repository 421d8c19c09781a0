import { fstatSync, lstatSync, readFileSync } from 'node:fs';

/** The first descriptor that systemd hands over; the others follow it. */
const firstDescriptor = 3;
const descriptorsMax = 64;

/**
 * FIFOs and listening sockets that systemd (`dsyncd.socket`), or a program like it, opened for this process: what
 * comes in while the program does not run waits in them. By their name (`FileDescriptorName=`); the first of several
 * with one name counts.
 * @param env - `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` are removed from it, so that no child takes them for its own
 */
export function takeInheritedFiles(
  env: NodeJS.ProcessEnv = process.env,
  pid = process.pid,
): ReadonlyMap<string, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env;
  delete env.LISTEN_PID;
  delete env.LISTEN_FDS;
  delete env.LISTEN_FDNAMES;
  const files = new Map<string, number>();
  const count = Number(LISTEN_FDS ?? '');
  if (LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 1 || count > descriptorsMax)
    return files;
  for (const [index, name] of LISTEN_FDNAMES.split(':').slice(0, count).entries())
    if (name !== '' && !files.has(name)) files.set(name, firstDescriptor + index);
  return files;
}

/** Whether an inherited descriptor is the FIFO or the listening socket that others open as `path`. */
export function isOpenAt(descriptor: number, path: string): boolean {
  try {
    const own = fstatSync(descriptor);
    if (own.isFIFO()) {
      const { dev, ino } = lstatSync(path);
      return own.dev === dev && own.ino === ino;
    }
    // A socket and its name in a folder have inodes of their own; the kernel knows which belong together.
    const sockets = readFileSync('/proc/self/net/unix', 'utf8').split('\n');
    return own.isSocket() && sockets.some((line) => line.endsWith(` ${own.ino} ${path}`));
  } catch {
    return false;
  }
}
