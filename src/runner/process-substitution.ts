/** What prints for a command without being a child that its bash waits for. */

/** How often, every 20 ms, it is looked whether it does still. */
const looks = 6
/** Where more was started since the shell was, it is not looked for. */
const youngest = 300

const last = "IFS=' ' builtin read -r sbx_ sbx_ sbx_ sbx_ sbx_last </proc/loadavg"
const hasStream = [1, 2]
  .flatMap((its) => [1, 2].map((ours) => `/proc/$sbx_pid/fd/${its} -ef /proc/$$/fd/${ours}`))
  .join(' || ')

/**
 * Gives what is younger than the shell and has one of its streams a tenth of a second to end. A trap that a file has set
 * for each command is not for all of these.
 */
const wait = `{ builtin trap - DEBUG; } >/dev/null 2>&1
for ((sbx_look = 0; sbx_look < ${looks}; sbx_look++)); do
${last} && [[ $sbx_last -gt $$ && $sbx_last -le $(($$ + ${youngest})) ]] || break
for ((sbx_pid = $$ + 1; sbx_pid <= sbx_last; sbx_pid++)); do
[[ ${hasStream} ]] && break
done
[[ $sbx_pid -le $sbx_last ]] && command sleep 0.02 || break
done 2>/dev/null`

/**
 * What a bash does when `text` has ended: nothing, unless that has process substitutions. Others than its own are hardly ever
 * late, and to look for them costs every command a twentieth.
 */
export function waitForSubstitutions(text: string): string[] {
  // After these it would be read otherwise, be refused, or be seen.
  const isChanged =
    /\b(?:alias|DEBUG|enable|extdebug|restricted)\b|\b(?:builtin|command)\s*\(\)|\bset\s+-\w*r/.test(
      text,
    )
  return />\(/.test(text) && !isChanged ? [wait] : []
}

/** The same, before the shell that took `text` ends as the command did. */
export function endOfText(text: string): string[] {
  const waits = waitForSubstitutions(text)
  return waits.length === 0 ? [] : ['sbx_code=$?', ...waits, 'builtin exit "$sbx_code"']
}
