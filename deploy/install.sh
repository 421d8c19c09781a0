#!/bin/sh
# Builds this checkout and puts its programs into PREFIX/bin (default /usr/local). Run it again after an update. Where Node is
# older than 24, Node 24 is fetched into the checkout, and the programs run on it.
set -eu
prefix=${1:-/usr/local}
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
npm run --silent build
node=$(node test/tooling/start.mjs -p process.execPath)
install -d "$prefix/bin"
for program in dsyncd dsync-server dsync-lmtp dsyncadm; do
  # Batches of mails are written with many fsyncs at once, which run in this many threads.
  # Large buffers go back to the system when they are freed.
  cat > "$prefix/bin/$program" <<END
#!/bin/sh
export UV_THREADPOOL_SIZE=\${UV_THREADPOOL_SIZE:-16} MALLOC_MMAP_THRESHOLD_=\${MALLOC_MMAP_THRESHOLD_:-262144}
exec $node $here/build/$program.js "\$@"
END
  chmod 755 "$prefix/bin/$program"
done
install -m 755 deploy/fifo-keeper.sh "$prefix/bin/dsyncd-fifo-keeper"
echo "Installed dsyncd, dsync-server, dsync-lmtp and dsyncadm into $prefix/bin."
echo "Units for systemd are in $here/deploy/systemd; a configuration to start from is $here/deploy/dsyncd.toml."
