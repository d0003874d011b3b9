/** A channel carries bytes, ends and exit codes as they are, and a script sees the environment as it is. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { handlerScript, holderScript } from '../../src/backends/bubblewrap/scripts.ts'
import { quote } from '../../src/posix-sh.ts'
import type { Backend } from '../../src/sandbox.ts'
import {
  name,
  output,
  run,
  type Scenario,
  signal,
  until,
  type World,
} from './bubblewrap-scenario.ts'

export const streams: Record<string, Scenario> = {
  async 'streams and exit codes arrive as they were'(world) {
    const sandbox = await world.open()
    assert.deepEqual(await run(sandbox, 'echo out; echo err >&2; exit 3'), {
      stdout: 'out\n',
      stderr: 'err\n',
      code: 3,
    })
    assert.deepEqual(await run(sandbox, ''), { stdout: '', stderr: '', code: 0 })
    assert.equal((await run(sandbox, 'kill -TERM $$')).code, 128 + 15)
    assert.equal((await run(sandbox, 'kill -KILL $$')).code, 128 + 9)
    assert.equal((await run(sandbox, 'kill -INT $$')).code, 128 + 2)
    assert.equal((await run(sandbox, 'kill -TERM 0')).code, 128 + 15)
    assert.equal((await run(sandbox, 'exec sh -c "exit 7"')).code, 7)
    assert.equal((await run(sandbox, 'if')).code, 2)
    assert.equal((await run(sandbox, 'nothing-of-that-name')).code, 127)
    assert.deepEqual(await run(sandbox, 'cat; echo end', 'input'), {
      stdout: 'inputend\n',
      stderr: '',
      code: 0,
    })
    assert.deepEqual(await run(sandbox, 'echo a > /dev/stderr; echo b > /dev/stdout'), {
      stdout: 'b\n',
      stderr: 'a\n',
      code: 0,
    })
    // A script of its own process, group and session, at home in the workspace, without arguments.
    assert.equal(await output(sandbox, 'echo $#; pwd'), '0\n/workspace')
    const [pid, , , , group, session] = (await output(sandbox, 'cat /proc/$$/stat')).split(' ')
    assert.equal(group, pid)
    assert.equal(session, pid)
    await sandbox.close()
  },

  async 'eight mebibytes go through both ways'(world) {
    const sandbox = await world.open()
    const bytes = randomBytes(8 << 20)
    const channel = await sandbox.start('tee /dev/stderr', signal)
    channel.stdin.end(bytes)
    const [stdout, stderr] = await Promise.all([buffer(channel.stdout), buffer(channel.stderr)])
    assert(stdout.equals(bytes) && stderr.equals(bytes))
    assert.equal(await channel.exit, 0)
    const script = `: ${'x'.repeat(1 << 20)}\necho long`
    assert.equal(await output(sandbox, script), 'long')
    await sandbox.close()
  },

  async 'a script that reads nothing is no error'(world) {
    const sandbox = await world.open()
    const channel = await sandbox.start('exec <&-; exit 4', signal)
    channel.stdout.resume()
    channel.stderr.resume()
    channel.stdin.end(randomBytes(1 << 20))
    assert.equal(await channel.exit, 4)
    await sandbox.close()
  },

  async 'thirty-two scripts run at once'(world) {
    const sandbox = await world.open()
    const all = Array.from({ length: 32 }, (_, index) =>
      run(sandbox, `read line; echo $line; exit ${index}`, `${index}\n`),
    )
    for (const [index, result] of (await Promise.all(all)).entries()) {
      assert.deepEqual(result, { stdout: `${index}\n`, stderr: '', code: index })
    }
    await sandbox.close()
  },

  async 'the exit waits for who still has the streams'(world) {
    const sandbox = await world.open()
    const channel = await sandbox.start('(read line; echo late) <&0 & exit 5', signal)
    channel.stderr.resume()
    let settled = false
    const exit = channel.exit.finally(() => {
      settled = true
    })
    assert.equal(await output(sandbox, 'echo other'), 'other')
    assert.equal(settled, false)
    channel.stdin.end('go\n')
    assert.equal((await buffer(channel.stdout)).toString(), 'late\n')
    assert.equal(await exit, 5)
    await sandbox.close()
  },

  async 'closing a channel lets its script go on'(world) {
    const sandbox = await world.open()
    const channel = await sandbox.start('cat; touch /tmp/went-on', signal)
    channel.close()
    channel.close()
    await assert.rejects(channel.exit, { code: 'SANDBOX_LOST' })
    await until(async () => (await run(sandbox, 'test -e /tmp/went-on')).code === 0)
    await sandbox.close()
  },

  async 'closing the connection ends its channels and leaves nothing of it'(world) {
    const sandbox = await world.open()
    const channel = await sandbox.start('echo started; cat', signal)
    await once(channel.stdout, 'data')
    await sandbox.close()
    await sandbox.close()
    await assert.rejects(channel.exit, { code: 'SANDBOX_LOST' })
    await assert.rejects(sandbox.start('true', signal), { code: 'SANDBOX_LOST' })
    const channels = readdirSync(join(world.runtimeDir, name, 'channels'))
    assert.deepEqual(channels.sort(), ['alive', 'handler', 'holder', 'requests'])
  },

  async 'a channel whose exit code is written without end is given up'(world) {
    const sandbox = await world.open()
    const flood = 'for fd in /proc/[0-9]*/fd/9; do case $(readlink $fd) in *.exit*)'
    const channel = await sandbox.start(`${flood} cat /dev/zero >$fd & esac; done; wait`, signal)
    await assert.rejects(channel.exit, { code: 'SANDBOX_LOST' })
    assert(process.memoryUsage().rss < 500 << 20)
    await until(async () => (await run(sandbox, 'exit 3').catch(() => undefined))?.code === 3)
    await sandbox.close()
  },

  async 'an open connection keeps no server from ending'(world) {
    await world.open()
  },

  async 'bash and BusyBox will do as sh'(world) {
    for (const { replaced, ignored } of shells()) {
      const backend = withMore(world, replaced.map(bind))
      const sandbox = await world.open({}, backend)
      assert.deepEqual(await run(sandbox, 'cat; echo $#; echo err >&2; exit 3', 'in\n'), {
        stdout: 'in\n0\n',
        stderr: 'err\n',
        code: 3,
      })
      assert.equal((await run(sandbox, 'kill -TERM 0')).code, 128 + 15)
      assert.equal(await output(sandbox, 'grep SigIgn /proc/self/status | cut -f2'), ignored)
      assert.equal((await run(sandbox, 'if')).code, 2)
      await sandbox.close()
      await world.backend.remove(name, signal)
    }
  },

  async 'a script sees variables of whatever names its shells need'(world) {
    const scripts = `${holderScript} ${handlerScript}`
    const words = new Set(scripts.match(/(?<![A-Za-z0-9])[a-z_][A-Za-z0-9_]*/g))
    for (const { program, replaced } of [{ program: '/bin/sh', replaced: [] }, ...shells()]) {
      const given = [...words].filter((word) => !word.startsWith('sbx_'))
      // bash gives each program a `_` of its own.
      const names = given.filter((word) => word !== '_' || !isBash(program))
      const variables = names.map((name) => ['--setenv', name, `odd *\\ '${name}`])
      const backend = withMore(world, [...replaced.map(bind), ...variables])
      const sandbox = await world.open({}, backend)
      const seen = (await output(sandbox, 'cat /proc/self/environ')).split('\0')
      const own = seen.filter((line) => names.includes(line.split('=')[0] as string))
      assert.deepEqual(own.sort(), names.map((name) => `${name}=odd *\\ '${name}`).sort())
      assert.equal((await run(sandbox, 'set | grep ^sbx_')).stdout, '')
      await sandbox.close()
      await world.backend.remove(name, signal)
    }
  },

  async 'a start can be cancelled'(world) {
    const sandbox = await world.open()
    await assert.rejects(sandbox.start('touch no', AbortSignal.abort()), { code: 'CANCELLED' })
    const cancel = new AbortController()
    const starts = Array.from({ length: 40 }, () => sandbox.start('exit 0', cancel.signal))
    cancel.abort()
    const results = await Promise.allSettled(starts)
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(result.reason.code, 'CANCELLED')
      else result.value.close()
    }
    assert.equal(results.at(-1)?.status, 'rejected')
    assert.equal(await output(sandbox, 'echo fine'), 'fine')
    await sandbox.close()
  },
}

type Pair = readonly [path: string, target: string]

/** What sandboxes may have as their sh, by what is put in its place. */
function shells() {
  const sh = realpathSync('/bin/sh')
  const setsid = realpathSync('/usr/bin/setsid')
  const all: { program: string; replaced: Pair[]; ignored: string }[] = [
    { program: '/bin/bash', replaced: [['/bin/bash', sh]], ignored: '0000000000000000' },
    { program: '/bin/busybox', replaced: [['/bin/busybox', sh]], ignored: '0000000000000000' },
    // BusyBox's setsid does not fork by itself: SIGINT and SIGQUIT stay ignored.
    {
      program: '/bin/busybox',
      replaced: [
        ['/bin/busybox', sh],
        ['/bin/busybox', setsid],
      ],
      ignored: '0000000000000006',
    },
  ]
  return all.filter(({ replaced }) => replaced.every(([path]) => existsSync(path)))
}

const bind = ([path, target]: Pair) => ['--ro-bind', path, target]
const isBash = (program: string) => realpathSync(program).endsWith('bash')

/** Sandboxes of a `bwrap` that is told more. */
function withMore(world: World, more: readonly (readonly string[])[]): Backend {
  const command = join(world.base, 'bwrap')
  const words = more.flat().map(quote).join(' ')
  const insert = `for argument; do shift; [ "$argument" = --chdir ] && set -- "$@" ${words}; set -- "$@" "$argument"; done`
  writeFileSync(command, `#!/bin/bash\n${insert}\nexec bwrap "$@"\n`, { mode: 0o755 })
  return world.backendWith({ command })
}
