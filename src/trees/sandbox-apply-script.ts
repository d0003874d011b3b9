/**
 * The script that applies changes inside: locate all, stage all, lock, check all, put all in place.
 * Whatever ends it before the last step, its exit trap takes back what was done.
 */
import { quote } from '../posix-sh.ts'
import type { Change } from '../tree.ts'
import { lockName, takeTurn } from './sandbox-lock-script.ts'
import { put } from './sandbox-put-script.ts'
import { exits, opening } from './sandbox-scripts.ts'
import { temporaryName } from './temporary-name.ts'

/** Variables of change 3 are named D3 (its directory), N3 (name), B3 (missing directories), I3 (is), R3 (rights). */
const locate = `
locate() {
  index=$1
  walk "$2" follow
  case $is-$3 in directory-absent) ;; directory-*) fail ${exits.notFile} 41ed ;; esac
  # What a digest of a link that is deleted speaks about.
  eval "CD$1=\\$PWD CN$1=\\$name CB$1=\\$below CI$1=\\$is"
  [ "$3" != absent ] || walk "$2" keep
  case $is in
    directory) fail ${exits.notFile} 41ed ;;
    entry) [ -f "./$name" ] || fail ${exits.notFile} "$(stat -c %f "./$name")" ;;
  esac
  eval "D$1=\\$PWD N$1=\\$name B$1=\\$below I$1=\\$is R$1="
  keys="$keys//$1/\${PWD%/}/\${below:+$below/}$name//"
}
distinct() {
  index=$1
  eval "key=/\\\${D$1%/}/\\\${B$1:+\\$B$1/}\\$N$1//"
  # A \`#*\` would try each beginning, of many thousand characters, against all of it.
  case $keys in
    *"$key"*"$key"*)
      keys=\${keys%"$key"*}
      fail ${exits.twice} "\${keys##*//}" ;;
  esac
}
`

const stage = `
# A file system of the kernel's own has no blocks at all, and root may write where nobody can by BusyBox's \`test\`.
why() {
  if ! [ -w . ]; then echo permission; return; fi
  df -kP . | tail -n 1 | {
    read -r _ size _ free _ at
    options=
    while read -r _ place _ known _; do [ "$place" != "$at" ] || options=$known; done </proc/mounts
    case $options in ro|ro,*) echo permission; return ;; esac
    if [ "\${size:-0}" -gt 0 ] && [ "\${free:-9999}" -lt 64 ]; then echo space; else echo failed; fi
  } 2>/dev/null
}
# Prints what dd says, and in between what is known of both files: two programs at the same time.
take() {
  printf '' > "$2" || return 1
  if [ "$is" = entry ]; then stat -c '=%s %a %u:%g' "$2" "./$name" & fi
  exec dd bs="$1" count=1 iflag=fullblock conv=fsync 2>&1 > "$2"
}
takeMany() {
  if [ "$1" -eq 0 ]; then printf '' > "$2"; return; fi
  dd bs=1048576 count=$(($1 / 1048576)) iflag=fullblock conv=fsync > "$2" || return 1
  [ $(($1 % 1048576)) -eq 0 ] ||
    dd bs=$(($1 % 1048576)) count=1 iflag=fullblock conv=fsync >> "$2"
}
# Set-id bits are not kept, as no write by an ordinary user would keep them.
rights() { case $1 in ????) mode=\${1#?} ;; *) mode=$1 ;; esac; }
stage() {
  index=$1 kind=$2 bytes=$3
  eval "below=\\$B$1 name=\\$N$1 is=\\$I$1; cd -P \\"\\$D$1\\"" || fail ${exits.denied} replaced
  while [ -n "$below" ]; do
    part=\${below%%/*}
    case $below in */*) below=\${below#*/} ;; *) below= ;; esac
    if mkdir "./$part" 2>/dev/null; then
      count=$((count + 1)) made="$count $made"
      eval "M$count=\\$PWD/\\$part"
    elif [ -L "./$part" ]; then fail ${exits.denied} replaced
    elif [ -e "./$part" ] && ! [ -d "./$part" ]; then fail ${exits.notDirectory} "\${PWD#"$base"}/$part"
    elif ! [ -d "./$part" ]; then fail ${exits.denied} "$(why)"
    fi
    cd -P "./$part" 2>/dev/null || fail ${exits.denied} permission
    case $PWD/ in "$base"/*) ;; *) fail ${exits.outside} ;; esac
  done
  eval "D$1=\\$PWD B$1= CD$1=\\$PWD CB$1="
  [ "$is" != entry ] || [ -w "./$name" ] || fail ${exits.denied} permission
  staged="$staged $1"
  if [ "$bytes" -gt 0 ] && [ "$bytes" -le 1048576 ]; then
    facts=$(take "$bytes" "./$token-$1" 2>/dev/null) || fail ${exits.denied} "$(why)"
    case $facts in *'1+0 records in'*) ;; *) fail ${exits.cutShort} ;; esac
  else
    takeMany "$bytes" "./$token-$1" 2>/dev/null || fail ${exits.denied} "$(why)"
    facts=$(stat -c '=%s %a %u:%g' "./$token-$1" "./$name" 2>/dev/null)
    case $facts in "=$bytes "*) ;; *) fail ${exits.cutShort} ;; esac
  fi
  if [ "$is" = entry ]; then
    case $facts in *=*) ;; *) fail ${exits.denied} failed ;; esac
    set -- "$1" "$4" \${facts#*=}
    case $6 in
      =*)
        [ "$5" = "$8" ] || chown "$8" "./$token-$1" 2>/dev/null
        rights "$7"
        eval "R$1=\\$mode"
        [ "$4" = "$mode" ] || chmod "$mode" "./$token-$1" || fail ${exits.denied} failed
        [ -z "$2" ] || [ "$6" != "=$bytes" ] || ! cmp -s "./$token-$1" "./$name" || same=1 ;;
    esac
  elif [ "$kind" = executable ]; then
    chmod +x "./$token-$1" || fail ${exits.denied} failed
  fi
}
replaced() {
  found=absent
  [ "$I0" != entry ] || found=\${same:-other}
  case $found in 1) printf same; exit 0 ;; esac
}
`

const check = `
check() {
  [ "$2" != anything ] || return 0
  hash= there=
  eval "cb=\\$CB$1 cn=\\$CN$1 ci=\\$CI$1; cd -P \\"\\$CD$1\\"" 2>/dev/null || cb=gone
  if [ -z "$cb" ]; then
    if [ -e "./$cn" ] || [ -L "./$cn" ]; then there=1; fi
    [ "$2" = absent ] || ! [ -f "./$cn" ] || hash=$(sha256sum < "./$cn")
  fi
  if [ "$2" = absent ]; then
    [ -z "$there" ] || exists="\${exists:-$1}"
  elif [ "\${hash%% *}" != "$2" ]; then
    stale="$stale $1"
  fi
}
checked() {
  if [ -n "$stale" ]; then index=\${stale# }; fail ${exits.stale}; fi
  if [ -n "$exists" ]; then index=$exists; fail ${exits.exists}; fi
}
`

const expected = (before: Change['before']) => (typeof before === 'string' ? before : before.digest)

/** What `applyScript` needs beside `walkFunctions`. */
export const applyFunctions = [locate, stage, takeTurn, check, put].join('')

/**
 * Takes the new bytes of all changes, one after the other, on stdin. With `compare` there is one, of a file: it
 * prints what was there, as \`Replaced\` says it, and leaves the file as it is if that is the same.
 */
export function applyScript(
  root: string,
  changes: readonly Change[],
  lock = '',
  compare = false,
): string {
  const each = (line: (change: Change, index: number) => string | undefined) =>
    changes.map(line).filter((text) => text !== undefined)
  const many = changes.length > 1
  return [
    `${opening(root)}begin ${temporaryName()} ${lockName(root, lock)}`,
    many ? `many=1 all='${[...changes.keys()].join(' ')}'` : '',
    ...each(
      ({ path, after }, i) => `locate ${i} ${quote(path)} ${after === 'absent' ? after : 'file'}`,
    ),
    many ? 'if [ "$links" -ne 0 ]; then' : '',
    ...each((_, i) => (many ? `distinct ${i}` : undefined)),
    many ? 'fi' : '',
    ...each(({ after }, i) =>
      after === 'absent'
        ? undefined
        : `stage ${i} ${after.executable ? 'executable' : 'plain'} ${after.bytes.length} ${compare ? 'compare' : "''"}`,
    ),
    compare ? 'replaced' : '',
    'lock',
    ...each(({ before }, i) => `check ${i} ${expected(before)}`),
    'checked',
    ...each(
      ({ before, after }, i) =>
        `put ${i} ${after === 'absent' ? after : 'file'} ${expected(before)}`,
    ),
    'onlyOn; finished=1',
    many ? '' : 'ahead',
    'exit 0',
  ].join('\n')
}
