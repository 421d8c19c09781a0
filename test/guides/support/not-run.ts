/**
 * Blocks of commands that no test runs as they are written, by document and by how they begin, each with the reason. A block that is neither run nor
 * here fails `blocks.test.ts`, or the test of its guide.
 */
export const notRun: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': {
    'npm run demo': 'it is the test suite itself; test/e2e/demo.test.ts runs the demo',
    'apt-get install': 'it needs a network; the hosts have what it brings',
    'curl ': 'the hosts have no curl; test/e2e/http-api.test.ts makes these requests',
  },
  'deploy/dovecot-2.3/README.md': { 'apt-get install': 'as in README.md' },
  'deploy/dovecot-2.4/README.md': { 'apt-get install': 'as in README.md' },
  'deploy/operate.md': {
    'openssl rand': 'only the curl below needs it',
    'curl ': 'the hosts have no curl; test/e2e/http-api.test.ts makes these requests',
  },
  'deploy/confine/README.md': {
    'cd deploy/confine': 'test/deploy/confine.test.ts runs it on this machine',
    'semodule -i': 'no kernel with SELinux is here',
    'for program in': 'no host has the profiles; test/deploy/confine.test.ts parses the rules',
    'systemctl reload apparmor': 'no kernel with AppArmor is here',
  },
  'deploy/failover.md': {
    'dsyncadm failover rehearse':
      'it needs keepalived and an address that moves; test/e2e/rehearsal.test.ts rehearses',
  },
  'deploy/redis.md': {
    'apt-get install -y redis-server': 'it needs a network; test/e2e/fleet.test.ts starts a Redis with TLS',
    'systemctl restart redis-server': 'the hosts have no Redis',
    'dsyncadm config check': 'the hosts have no Redis; test/e2e/fleet-view.test.ts shows the fleet',
    'export REDISCLI_AUTH': 'the hosts have no Redis',
    '$redis --scan': 'the hosts have no Redis',
  },
  'deploy/docker/README.md': {
    'npm run package:tar': 'there is no container engine; test/deploy/docker.test.ts reads the files',
  },
};
