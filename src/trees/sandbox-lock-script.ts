/** How servers that change files of one sandbox take turns: by a file in its `/tmp`. */
import { createHash } from 'node:crypto'
import { exits } from './sandbox-scripts.ts'

/** A holder is named by pid and start time; one that is gone is moved aside, and put back if that was another. */
export const takeTurn = `
me=
started() {
  life=
  { read -r life < "/proc/$1/stat"; } 2>/dev/null || { kill -0 "$1" 2>/dev/null && life=') - - - - - - - - - - - - - - - - - - - ?'; }
  set -- \${life##*)}
  life=\${20-}
}
# A shell that runs many scripts does it once: a number of /proc is read byte by byte.
prepare() {
  started $$
  me="$$ $life"
}
lock() {
  held=/tmp/$lockname
  [ -w /tmp ] || held=\${base}/$lockname
  [ -n "$me" ] || prepare
  tries=0 named=
  until { set -C; { { if echo "$me"; then named=1; fi; } > "$held"; } 2>/dev/null; }; do
    set +C
    holder= since=
    { read -r holder since < "$held"; } 2>/dev/null
    if [ -n "$since" ]; then
      started "$holder"
      if [ "$life" != "$since" ] && mv "$held" "$held.$$" 2>/dev/null; then
        { read -r other < "$held.$$"; } 2>/dev/null
        if [ "$other" != "$holder $since" ]; then ln "$held.$$" "$held" 2>/dev/null; fi
        rm -f "$held.$$"
        continue
      fi
    fi
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ]; then
      # A holder writes its name at once: one that has none in all this time died, or had no space.
      [ -n "$since" ] || rm -f "$held"
      fail ${exits.busy}
    fi
    sleep 0.02 2>/dev/null || { sleep 1; tries=$((tries + 50)); }
  done
  set +C
  lock=$held
  # Others would wait for one without a name as long as for one that has it.
  [ -n "$named" ] || fail ${exits.denied} turn
}
`

/** The lock's name, the same for every server that shares `lock` and works under `root`. */
export function lockName(root: string, lock: string): string {
  return `.sbx-${createHash('sha256')
    .update(lock + root)
    .digest('hex')
    .slice(0, 32)}`
}
