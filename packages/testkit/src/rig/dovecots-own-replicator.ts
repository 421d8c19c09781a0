import { Dovecot } from './dovecot.ts';
import type { MailFormat } from './dovecot-config.ts';
import { freePort } from './program.ts';

/** Two Dovecots 2.3 that replicate with each other by their own replicator, as its documentation says. */
export async function startDovecotsOwnReplicator(options: {
  readonly users: readonly string[];
  readonly mailFormat?: MailFormat;
}): Promise<readonly Dovecot[]> {
  const ports = [await freePort(), await freePort()] as const;
  const dovecots: Dovecot[] = [];
  for (const [index, port] of ports.entries()) {
    const hostname = `their-${index}.test`;
    const settings = ownReplicator(hostname, port, ports[1 - index] ?? 0);
    dovecots.push(await Dovecot.start({ version: '2.3', hostname, settings, ...options }));
  }
  return dovecots;
}

const ownReplicator = (hostname: string, port: number, peerPort: number): readonly string[] => [
  `import_environment = TZ DOVECOT_HOSTDOMAIN=${hostname}`,
  'mail_plugins = $mail_plugins notify replication',
  'replication_max_conns = 10',
  'plugin {',
  `  mail_replica = tcp:127.0.0.1:${peerPort}`,
  '}',
  'service doveadm {',
  '  inet_listener {',
  `    port = ${port}`,
  '  }',
  '}',
  'service aggregator {',
  '  fifo_listener replication-notify-fifo {',
  '    mode = 0666',
  '  }',
  '  unix_listener replication-notify {',
  '    mode = 0666',
  '  }',
  '}',
  'service replicator {',
  '  process_min_avail = 1',
  '  unix_listener replicator-doveadm {',
  '    mode = 0666',
  '  }',
  '}',
];
