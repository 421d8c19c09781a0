import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../..', import.meta.url).pathname;

/** The Debian 12 of ./install/README.md: the image is built on it where no registry can be reached. */
const base = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dsyncd/debian-bookworm');
/** Roots of a Debian to build the image on: none in most runs, as it fetches the packages of the image, and takes some minutes. */
export const imageBases: readonly string[] =
  process.env.DSYNCD_PACKAGE_MATRIX === '1' && existsSync('/usr/bin/buildah') && existsSync(base)
    ? [base]
    : [];

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
};

const configuration = `hostname = "one.example.com"
base_dir = "/run/dsyncd"
state_dir = "/var/lib/dsyncd"
mail_home = "/srv/mail/%{user}"
doveadm_password_file = "/tmp/secret"
[channels.default]
mail_replica = "tcp:127.0.0.1:1"
[listeners.http]
address = "127.0.0.1"
port = 8080
`;

/** Starts what the image starts, waits until its health check is content, asks for the status, and ends it. */
const session = `set -eu
umask 077
echo secret-of-both-hosts > /tmp/secret
printf '%s' '${configuration}' > /tmp/dsyncd.toml
tini -- dsyncd -c /tmp/dsyncd.toml > /tmp/log 2>&1 &
for _ in $(seq 100); do
  if /usr/lib/dsyncd/bin/node /usr/lib/dsyncd/healthcheck.mjs; then break; fi
  sleep 0.2
done
/usr/lib/dsyncd/bin/node /usr/lib/dsyncd/healthcheck.mjs || { cat /tmp/log; exit 1; }
echo "user $(id -un), threads $UV_THREADPOOL_SIZE, version $(dsyncadm --version)"
dsyncadm -c /tmp/dsyncd.toml replicator status
kill %1
wait %1 || true
`;

/** Builds the image with `npm run package:image`, and starts it. @returns its configuration, and what {@link session} printed */
export function buildAndStart(on: string): {
  readonly config: Readonly<Record<string, unknown>>;
  readonly answer: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-image-'));
  const buildah = (...args: readonly string[]): string =>
    run(
      'buildah',
      ...['--storage-driver', 'vfs', '--root', join(folder, 'images'), '--runroot', join(folder, 'run')],
      ...args,
    );
  try {
    mkdirSync(join(folder, 'dist'));
    const file = run(
      process.execPath,
      ...['deploy/package/build.mjs', 'image', '--no-build', '--base', on, join(folder, 'dist')],
    );
    buildah('pull', '--quiet', `docker-archive:${file}`);
    const images = JSON.parse(buildah('images', '--json')) as readonly {
      readonly names?: readonly string[];
    }[];
    const image = images.flatMap((each) => each.names ?? [])[0] ?? '';
    const { Docker } = JSON.parse(buildah('inspect', '--type', 'image', image)) as {
      readonly Docker: { readonly config: Readonly<Record<string, unknown>> };
    };
    const container = buildah('from', '--pull-never', image);
    const answer = buildah('run', '--isolation', 'chroot', container, '--', 'bash', '-c', session);
    return { config: Docker.config, answer };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
