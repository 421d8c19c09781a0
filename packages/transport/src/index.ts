export type { ClientTlsSettings } from './client-tls.ts';
export { connectSocket } from './connect.ts';
export {
  type CommandDestination,
  type Destination,
  type DestinationDefaults,
  parseDestination,
  type SshDestination,
  type TcpDestination,
  type UnixDestination,
} from './destination.ts';
export { type DoveadmServer, type DoveadmServerSettings, startDoveadmServer } from './doveadm-server.ts';
export { createPeer, type PeerSettings } from './peer.ts';
export * from './port.ts';
export { exitStatusOf } from './process-end.ts';
export type { ServerTlsSettings } from './server-tls.ts';
export type { SshSettings } from './ssh-settings.ts';
export { stdioLink } from './stdio-link.ts';
export { StreamLink, type StreamLinkOptions } from './stream-link.ts';
