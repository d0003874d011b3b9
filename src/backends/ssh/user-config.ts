/**
 * The part of ssh_config(5) that says how a host is reached. A block of a `Match` that is not judged is passed over, as
 * it may stand for what this server does not do.
 */
import { configLines, includedFiles } from './config-lines.ts'
import { matchesPatterns } from './known-hosts.ts'
import { type Asked, criteriaHold, currentHost, wantFinal } from './match-criteria.ts'

/** What a host's blocks say; a key that none of them sets is absent. */
export interface HostOptions {
  readonly hostname?: string
  readonly user?: string
  readonly port?: string
  /** Of this and the next the first that is set counts, and the other is absent; `none` leaves a command its place. */
  readonly proxyjump?: string
  /** As it stands, with its quotes. */
  readonly proxycommand?: string
  readonly proxyusefdpass?: string
  readonly hostkeyalias?: string
  readonly identitiesonly?: string
  readonly identityagent?: string
  readonly userknownhostsfile?: readonly string[]
  readonly globalknownhostsfile?: readonly string[]
  readonly revokedhostkeys?: readonly string[]
  readonly stricthostkeychecking?: string
  readonly connecttimeout?: string
  /** All of them, in order, as of the next; every other key keeps the first value it gets. */
  readonly identityfile: readonly string[]
  readonly certificatefile: readonly string[]
  /** What may say more about this host, and is not judged here: the lines that begin it. */
  readonly passedOver: readonly string[]
}

/** A file, and the folder of what it includes. */
export interface ConfigFile {
  readonly path: string
  readonly folder: string
  /** The user's, not the machine's. */
  readonly isOwn: boolean
}

const keys = new Set([
  'hostname',
  'user',
  'port',
  'proxyusefdpass',
  'hostkeyalias',
  'identitiesonly',
  'identityagent',
  'stricthostkeychecking',
  'connecttimeout',
  'canonicalizehostname',
])
/** Those whose value is several files. */
const listKeys = ['userknownhostsfile', 'globalknownhostsfile', 'revokedhostkeys'] as const
type ListKey = (typeof listKeys)[number]
const isList = (key: string): key is ListKey => (listKeys as readonly string[]).includes(key)
const otherKeys = new Set([
  'proxyjump',
  'proxycommand',
  ...listKeys,
  'identityfile',
  'certificatefile',
])

/** How many files may include one another before it is taken for a loop. */
const maxDepth = 16

/**
 * What `files` say to `asked`, the first of them first. A file that is not there says nothing. Where it is asked for they
 * are all read again, with the host by the name that it has then.
 */
export function hostOptions(files: readonly ConfigFile[], asked: Asked): HostOptions {
  const options: Record<string, string> = {}
  const lists: { [key in ListKey]?: readonly string[] } = {}
  const many = { identityfile: [] as string[], certificatefile: [] as string[] }
  const passedOver = new Set<string>()
  let isFinal = false
  let wantsFinal = false
  let { host } = asked
  for (const file of files) readLines(file, 0, true, '')
  const { canonicalizehostname: canonical = 'no' } = options
  if (canonical.toLowerCase() !== 'no') passedOver.add(`CanonicalizeHostname ${canonical}`)
  if (wantsFinal || canonical.toLowerCase() !== 'no') {
    isFinal = true
    host = currentHost(options.hostname, host).toLowerCase()
    options.hostname = host.replaceAll('%', '%%')
    for (const file of files) readLines(file, 0, true, '')
  }
  return { ...options, ...lists, ...many, passedOver: [...passedOver] }

  /** `around` is undefined in a block that is not judged, which `block` names. */
  function readLines(
    file: ConfigFile,
    depth: number,
    around: true | undefined,
    block: string,
  ): void {
    let applies: boolean | undefined = around
    let from = block
    const include = (names: readonly string[], inner: true | undefined) => {
      if (depth === maxDepth) return
      for (const path of names.flatMap((name) =>
        includedFiles(name, asked.account.home, file.folder),
      )) {
        readLines({ ...file, path }, depth + 1, inner, from)
      }
    }
    for (const { key, rest, values } of configLines(file.path, file.isOwn)) {
      const [value = ''] = values
      if (key === 'host') applies = matchesPatterns(values, host) && around
      else if (key === 'match') {
        const succeeds = around && asked.succeeds
        const judged = criteriaHold(values, { ...asked, succeeds }, { options, isFinal, host })
        wantsFinal ||= wantFinal(values)
        applies = judged && around
        from = judged === undefined ? `Match ${rest}` : block
      } else if (applies === false) continue
      else if (key === 'include') include(values, applies)
      else if (applies === undefined) {
        if (keys.has(key) || otherKeys.has(key)) passedOver.add(from)
      } else if (key === 'identityfile' || key === 'certificatefile') {
        if (!many[key].includes(value)) many[key].push(value)
      } else if (isList(key)) lists[key] ??= values
      else if (key === 'proxyjump') {
        if (options.proxycommand === undefined) options.proxyjump ??= value
      } else if (key === 'proxycommand') {
        if ((options.proxyjump ?? 'none').toLowerCase() === 'none') options.proxycommand ??= rest
      } else if (keys.has(key)) options[key] ??= values.join(' ')
    }
  }
}
