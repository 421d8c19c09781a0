// Is dsyncd ready? Asks /readyz at DSYNCD_HEALTH_URL; a container of another program has none and sets it to "".
const url = process.env.DSYNCD_HEALTH_URL ?? 'http://127.0.0.1:8080/readyz';
const isReady =
  url === '' ||
  (await fetch(url).then(
    (answer) => answer.ok,
    () => false,
  ));
process.exitCode = isReady ? 0 : 1;
