export { createPeer, type PeerSettings } from './create-peer.ts';
export {
  type DoveadmServer,
  type DoveadmServerSettings,
  startDoveadmServer,
} from './doveadm/doveadm-server.ts';
export { connectSocket } from './link/connect.ts';
export { exitStatusOf, stdioLink } from './link/stdio.ts';
export { StreamLink, type StreamLinkOptions } from './link/stream-link.ts';
export { Peers, type PlannedPeer } from './peers.ts';
export * from './port.ts';
export { newSshKey, type SshKeyPair } from './ssh/new-key.ts';
export type { SshSettings } from './ssh/ssh-login.ts';
export { ClientTls, type ClientTlsSettings } from './tls/client-tls.ts';
export type { ServerTlsSettings } from './tls/server-tls.ts';
