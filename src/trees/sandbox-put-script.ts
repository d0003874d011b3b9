/**
 * The last steps of the script that applies changes inside: each change is put in place, and its end, which clears away
 * what is beside the files, takes back all of them where it has not come to the last.
 */
import { exits } from './sandbox-scripts.ts'

/** Needs what `applyScript` defines before it: the variables of a change, and `why` and `rights`. */
export const put = `
# Since all were checked others have had time to write to it.
still() {
  # What the digest of a link speaks about is left alone.
  case $is-$1 in
    link-*|*-anything) ;;
    *-absent) [ -z "$there" ] || fail ${exits.exists} ;;
    *)
      hash=
      [ -L "./$name" ] || ! [ -f "./$name" ] || hash=$(sha256sum < "./$name")
      [ "\${hash%% *}" = "$1" ] || fail ${exits.stale} ;;
  esac
}
put() {
  index=$1
  # One alone is done by its rename.
  [ -n "$many" ] || onlyOn
  eval "below=\\$B$1 name=\\$N$1 is=\\$I$1; cd -P \\"\\$D$1\\"" 2>/dev/null || fail ${exits.denied} replaced
  # Where its directory is missing there is nothing to delete.
  [ -z "$below" ] || return 0
  there=
  if [ -L "./$name" ]; then there=1
  elif [ -d "./$name" ]; then fail ${exits.notFile} 41ed
  elif [ -e "./$name" ]; then there=1
  fi
  if [ "$2" = absent ]; then
    if [ -z "$there" ]; then return 0
    elif [ -n "$many" ]; then
      still "$3"
      undo="back $1;$undo"
      mv -f "./$name" "./$token-\${1}b" 2>/dev/null || fail ${exits.denied} "$(why)"
    else
      rm -f "./$name" 2>/dev/null || fail ${exits.denied} "$(why)"
    fi
    return 0
  fi
  # mv would follow a link to a directory into it.
  if [ -L "./$name" ] && [ -d "./$name" ]; then fail ${exits.denied} replaced; fi
  eval "was=\\$R$1"
  if [ -n "$was" ] && [ -f "./$name" ] && ! [ -L "./$name" ]; then
    # They may have been changed while the new content was on its way to the disk.
    rights "$(stat -c %a "./$name" 2>/dev/null)"
    [ "\${mode:-$was}" = "$was" ] || chmod "$mode" "./$token-$1" 2>/dev/null || fail ${exits.denied} failed
  fi
  if [ -n "$there" ] && [ -n "$many" ]; then
    # A link to a file of somebody else's could not be removed again from a sticky directory.
    { [ -O "./$name" ] && ln "./$name" "./$token-\${1}b" 2>/dev/null; } || cp -p "./$name" "./$token-\${1}b" 2>/dev/null ||
      fail ${exits.denied} "$(why)"
    undo="back $1;$undo"
  elif [ -n "$many" ]; then
    undo="gone $1;$undo"
  fi
  [ -z "$many" ] || still "$3"
  mv -f "./$token-$1" "./$name" 2>/dev/null || fail ${exits.denied} "$(why)"
}
# Said before the rename, which may be the last that is done: it was not, if the new file is not in its place.
isPut() { eval "name=\\$N$1; cd -P \\"\\$D$1\\"" && ! [ -e "./$token-$1" ]; }
back() { isPut $1 && mv -f "./$token-\${1}b" "./$name"; }
gone() { isPut $1 && rm -f "./$name"; }
# There are more names than a program takes.
portion() {
  [ "$#" -ge 100 ] || return 0
  rm -f "$@"
  return 1
}
clear() {
  # Who ends the script ends its programs too, and once it has begun to take back it goes on.
  onlyOn
  [ -n "$finished" ] || eval "$undo"
  set --
  [ -z "$lock" ] || set -- "$lock"
  [ -z "$finished" ] || [ -n "$many" ] || staged=
  for i in $staged; do
    eval "set -- \\"\\$@\\" \\"\\$D$i/$token-$i\\""
    portion "$@" || set --
  done
  if [ -n "$many" ]; then for i in $all; do
    eval "[ -z \\"\\$D$i\\" ] || set -- \\"\\$@\\" \\"\\$D$i/$token-\${i}b\\""
    portion "$@" || set --
  done; fi
  [ "$#" -eq 0 ] || rm -f "$@"
  [ -n "$finished" ] || for i in $made; do eval "rmdir \\"\\$M$i\\""; done
} 2>/dev/null
# Nothing of ours is in the workspace any more: the lock's file goes when everybody has been told.
ahead() { if [ "\${lock%/*}" = /tmp ]; then printf "$found$told"; else printf "$found"; fi; }
# It does not end any more before it has come to its end.
onlyOn() { trap '' HUP INT PIPE TERM; }
begin() {
  token=$1 lockname=$2
  keys= count=0 staged= undo= made= lock= finished= many= stale= exists= same= found=
  trap clear EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
}
`
