/** The sh by which two look at what is in a directory at the same time, each at half of what is at the top. */

/**
 * Sets `first` and `second`, for `atBothHalves`, which has the same arguments: all that is at the top. They are told
 * by number, because to add to the arguments copies all of them.
 */
export const shareTop = `set -- ./* ./.[!.]* ./..?*
n=0 first= second=
for entry; do
  n=$((n + 1))
  case $entry in './*' | './.[!.]*' | './..?*') [ -e "$entry" ] || [ -L "$entry" ] || continue ;; esac
  if [ "\${#first}" -le "\${#second}" ]; then first="$first \\"\\\${$n}\\""; else second="$second \\"\\\${$n}\\""; fi
done`

/** Runs both, each in a shell of its own with a half as its arguments, of which there may be none. Fails where one fails. */
export const atBothHalves = (first: string, second: string) => `{
  (
    eval "set -- $second"
    ${second}
  ) &
  other=$!
  (
    eval "set -- $first"
    ${first}
  ) && wait "$other"
}`
