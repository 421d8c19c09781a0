// The container image: dsyncd-VERSION-ARCHITECTURE.docker.tar, for `docker load` and `podman load`. Made by buildah, without a daemon and
// without privileges, from the archive and deploy/docker/Dockerfile.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, sourceDateEpoch } from '../reproducible.mjs';
import { root } from '../stage.mjs';
import { buildTar } from '../tar/build.mjs';

/**
 * @param base - name of the Debian image that it is built on; or, where no registry can be reached, path of a folder with a Debian, as
 * debootstrap makes it. That of the Dockerfile when missing
 * @returns the file that it made
 */
export function buildImage({ scratch, target, version, architecture, processor, node, base }) {
  // Nothing but this is read by the build.
  const context = join(scratch, 'context');
  mkdirSync(join(context, 'dist'), { recursive: true });
  buildTar({
    scratch: join(scratch, 'archive'),
    target: join(context, 'dist'),
    version,
    architecture,
    processor,
    node,
    compression: 'gzip',
  });
  cpSync(join(root, 'deploy/docker'), join(context, 'deploy/docker'), { recursive: true });
  const buildah = openStorage(scratch);
  const image = `localhost/dsyncd:${version}`;
  const from = base?.startsWith('/') ? importFolder(buildah, base, scratch) : base;
  buildah('bud', [
    // The format of OCI has no health check.
    ...['--format', 'docker', '--isolation', 'chroot', '--timestamp', String(sourceDateEpoch())],
    ...['--arch', architecture, '--build-arg', `TARGETARCH=${architecture}`],
    ...(from === undefined ? [] : ['--build-arg', `BASE=${from}`]),
    ...['--file', join(context, 'deploy/docker/Dockerfile'), '--target', 'dsyncd', '--tag', image, context],
  ]);
  const file = join(target, `dsyncd-${version}-${architecture}.docker.tar`);
  run('rm', ['-f', file]);
  buildah('push', ['--quiet', image, `docker-archive:${file}:dsyncd:${version}`]);
  return file;
}

/** @returns what runs a command of buildah with images in a folder of its own: plain files, which need no mounts. */
function openStorage(scratch) {
  const storage = [
    '--storage-driver',
    'vfs',
    '--root',
    join(scratch, 'images'),
    '--runroot',
    join(scratch, 'run'),
  ];
  return (command, args) => run('buildah', [...storage, command, ...args]);
}

/** Makes an image of a folder. @returns its name */
function importFolder(buildah, folder, scratch) {
  const archive = join(scratch, 'base.tar');
  // Packages that were fetched to make it are of no use in an image.
  run('tar', [
    '-C',
    folder,
    '--exclude=./var/cache/apt/archives/*.deb',
    '--numeric-owner',
    '-cf',
    archive,
    '.',
  ]);
  const container = buildah('from', ['scratch']);
  buildah('add', ['--quiet', container, archive, '/']);
  const name = 'localhost/base';
  buildah('commit', ['--quiet', '--rm', container, name]);
  return name;
}
