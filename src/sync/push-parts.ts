/** The POSIX sh that both scripts of a push have in common, for GNU and BusyBox tools alike. */

export const pushExits = { noRoot: 79, noSpace: 84, cut: 85 } as const

/** Removes what was left at the root by a push that was cut off: a directory with a name of ours. */
export const sweep = `for left in ./.sbx-*; do
  if [ "\${#left}" -eq 39 ] && [ -d "$left" ] && [ ! -L "$left" ]; then rm -rf "$left"; fi
done`

/** Goes to `root`, which is `base` then, and makes `stage` a path of its own. */
export const pushOpening = `LC_ALL=C
export LC_ALL
cd -P "$root" 2>/dev/null || exit ${pushExits.noRoot}
base=$PWD
${sweep}
stage=$base/$stage
absent() { [ ! -e "$1" ] && [ ! -L "$1" ]; }`

/** Nothing of ours is left by a script that fails or is ended. */
export const clearing = `trap 'wait; rm -rf "$stage"' EXIT
trap 'exit 129' HUP
trap 'exit 143' TERM`

export const unpack = `(umask 0; cd "$stage" && tar -xomf -)`

/**
 * Does `doing` to the names that are its arguments, all of the directory `dir`. Nothing is changed before `arrived` has
 * returned; what is replaced is kept in `old` meanwhile.
 */
export const flush = `flush() {
  [ "$#" -gt 0 ] || return 0
  cd -P "$base/$dir" 2>/dev/null && [ "$PWD" = "$base\${dir:+/$dir}" ] || return 0
  here=$PWD from=$stage/new/$dir kept=$stage/old/$dir
  if [ "$doing" = put ]; then
    [ -d "$kept" ] || mkdir -p "$kept"
    ln "$@" "$kept/"
  fi
  arrived
  case $doing in
    mkdir) mkdir "$@" ;;
    rmdir) rmdir "$@" ;;
    +x | -x) chmod "$doing" "$@" ;;
    rm) { [ -d "$kept" ] || mkdir -p "$kept"; } && mv -f "$@" "$kept/" ;;
    new) cd "$from" && mv -n "$@" "$here/" ;;
    put)
      # What cannot be kept is not replaced, nor what is another file by now than the one that is kept.
      for each in "$@"; do
        shift
        if [ "$kept/$each" -ef "$each" ] || [ -L "$kept/$each" ] || { absent "$kept/$each" && cp -p "$each" "$kept/$each"; }; then
          set -- "$@" "$each"
        fi
      done
      [ "$#" -eq 0 ] || { cd "$from" && mv -f "$@" "$here/"; } ;;
  esac
} 2>/dev/null`

/** Sets `parent` to the directory of `path`, as it is below the root. */
export const parentOfPath = `parent=\${path%/*}
  parent=\${parent#.} parent=\${parent#/}`

/** Goes on with the next line where `verb` has not done its work at `path`, and says what is the matter. */
export const confirmed = `refused=
  case $verb in
    rm | rmdir) absent "$path" ;;
    mkdir) [ -d "$path" ] && [ ! -L "$path" ] ;;
    new | put) absent "$stage/new/$path" ;;
    +x) [ -x "$path" ] || { refused=1; false; } ;;
    -x) ! [ -x "$path" ] || { refused=1; false; } ;;
  esac || {
    if [ -n "$refused" ] || [ ! -w "\${path%/*}" ]; then echo "denied $n"; else echo "stale $n"; fi
    continue
  }`

/** Whether what was at `path` is kept, and has to be what it was: somebody may have had it open. */
export const isKept = `case $verb-$before in
    rm-[0-9a-f]* | put-[0-9a-f]*) [ -f "$stage/old/$path" ] && [ ! -L "$stage/old/$path" ] ;;
    *) false ;;
  esac`

/** Somebody has written to it meanwhile. */
export const putBack = `case $verb in
    rm) mv -n "$stage/old/$path" "$path" ;;
    put) mv -f "$stage/old/$path" "$path" ;;
  esac
  echo "stale $n"`
