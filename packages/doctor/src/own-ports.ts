import { blocksOf, settingOf } from '@dsyncd/config';
import { NotCheckable } from './finding.ts';
import type { Scene } from './scene.ts';

/** A TCP port on which this host answers syncs. */
export interface OwnPort {
  /** Where we reach it ourselves. */
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Of the dsync server, or of the doveadm service of the Dovecot here; none when that cannot be found out. */
export async function ownDoveadmPorts(scene: Scene): Promise<readonly OwnPort[]> {
  const { mailEngine, listeners } = scene.config;
  if (mailEngine === 'dovecot')
    return dovecotPorts(scene).catch((error: unknown) => {
      if (error instanceof NotCheckable) return [];
      throw error;
    });
  if (listeners.doveadm === undefined) return [];
  const { address, port, ssl } = listeners.doveadm;
  return [{ address: reachable(address), port, tls: ssl }];
}

async function dovecotPorts(scene: Scene): Promise<readonly OwnPort[]> {
  const { tree } = await scene.doveconf();
  const listen = settingOf(tree, 'listen')?.split(/[\s,]+/)[0] ?? '*';
  return blocksOf(tree, 'service', 'doveadm')
    .flatMap((service) => blocksOf(service, 'inet_listener'))
    .filter(({ name }) => !name.includes('http'))
    .map((listener) => ({
      address: reachable(settingOf(listener, 'address') ?? listen),
      port: Number(settingOf(listener, 'port') ?? 0),
      tls: settingOf(listener, 'ssl') === 'yes',
    }))
    .filter(({ port }) => port > 0);
}

/** "All addresses" cannot be connected to. */
const reachable = (address: string): string =>
  address === '::' || address === '*' || address === '0.0.0.0' ? '127.0.0.1' : address;
