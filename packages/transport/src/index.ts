export type { ClientTlsSettings } from './client-tls.ts';
export {
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
export type { ServerTlsSettings } from './server-tls.ts';
export { StreamLink, type StreamLinkOptions } from './stream-link.ts';
