import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the system gives to outgoing connections: none of those may take one that we found free. */
const portMin = 10_000;
const portMax = 32_000;
/** Processes begin far apart, so that two that run side by side do not look at the same ports. */
const stride = 977;
let next = portMin + ((process.pid * stride) % (portMax - portMin));

/** A TCP port on loopback that was free a moment ago, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let tries = portMin; tries < portMax; tries++) {
    const port = next;
    next = next + 1 < portMax ? next + 1 : portMin;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${portMin} to ${portMax} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
