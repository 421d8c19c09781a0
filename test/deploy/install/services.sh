# For scenario.sh: starts and stops services as their systemd units say, where no systemd runs.
unit_file() { # NAME
  for folder in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    if [ -e "$folder/$1.service" ]; then echo "$folder/$1.service"; return; fi
  done
}
unit_value() { sed -n "s/^$2=//p" "$(unit_file "$1")"; } # NAME SETTING
start_unit() { # NAME
  user=$(unit_value "$1" User)
  install -d -o "$user" -m "$(unit_value "$1" RuntimeDirectoryMode)" /run/dsyncd
  (
    umask "$(unit_value "$1" UMask)"
    cd /
    # shellcheck disable=SC2046  # words of their own
    exec env -i PATH=/usr/local/bin:/usr/bin:/bin $(unit_value "$1" Environment) \
      setpriv --reuid="$user" --regid="$(unit_value "$1" Group)" --init-groups --no-new-privs --bounding-set=-all \
      $(unit_value "$1" ExecStart)
  ) < /dev/null >> "/tmp/$1.service.log" 2>&1 &
}
# The process of a program, of this host: another one has another root.
process_of() { # NAME
  for process in /proc/[0-9]*; do
    if [ "$process/root" -ef / ] && tr '\0' ' ' < "$process/cmdline" 2> /dev/null | grep -q "^[^ ]*node [^ ]*/dsyncd/build/$1.js"; then
      echo "${process#/proc/}"
    fi
  done
}
stop_units() {
  for name in dsyncd dsync-server dsync-lmtp; do
    for process in $(process_of "$name"); do
      kill "$process"
      while [ -e "/proc/$process" ] && ! grep -q '^State:.Z' "/proc/$process/status" 2> /dev/null; do sleep 0.05; done
    done
  done
}
