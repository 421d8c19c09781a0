/** Loaded with the first SSH destination: it takes a while, and a dsync server on stdio never needs it. */
export async function loadSsh(): Promise<typeof import('ssh2')> {
  // A CommonJS package: some of its names are found in its default export only.
  const { default: ssh2 } = await import('ssh2');
  return ssh2;
}
