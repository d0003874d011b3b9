/** How sandboxes come to be, are shared, get lost and go. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { startOf } from '../../src/process-identity.ts'
import {
  ends,
  name,
  output,
  processesNaming,
  run,
  type Scenario,
  signal,
  until,
  type World,
} from './bubblewrap-scenario.ts'

export const lifecycle: Record<string, Scenario> = {
  async 'removing ends everything and can be repeated'(world) {
    const sandbox = await world.open()
    const script = `for n in 1 2 3; do setsid -f sh -c 'trap "" TERM HUP; sleep 1000'; done`
    await run(sandbox, `${script} >/dev/null 2>&1; echo`)
    const foreground = await sandbox.start('sleep 1000', signal)
    foreground.stdout.resume()
    foreground.stderr.resume()
    const { init, monitor } = world.processes()
    await world.backend.remove(name, signal)
    assert(ends(init.pid)() && ends(monitor.pid)())
    await assert.rejects(foreground.exit, { code: 'SANDBOX_LOST' })
    await assert.rejects(sandbox.start('true', signal), { code: 'SANDBOX_LOST' })
    await world.backend.remove(name, signal)
    await sandbox.close()
    world.assertNothingLeft()
    assert.deepEqual(await world.backend.list('ours', signal), [])
  },

  async 'a sandbox that dies is lost, and opened anew'(world) {
    for (const death of ['init', 'monitor and holder', 'from inside'] as const) {
      const sandbox = await world.open()
      const channel = await sandbox.start('echo started; exec sleep 1000', signal)
      channel.stderr.resume()
      await once(channel.stdout, 'data')
      channel.stdout.resume()
      const { init, monitor } = world.processes()
      if (death === 'init') process.kill(init.pid, 'SIGKILL')
      if (death === 'from inside') await sandbox.start('kill -9 -1', signal)
      if (death === 'monitor and holder') {
        process.kill(monitor.pid, 'SIGKILL')
        await sandbox.start('kill -9 2', signal)
      } else {
        await assert.rejects(channel.exit, { code: 'SANDBOX_LOST' })
      }
      await until(() =>
        sandbox.start('true', signal).then(
          (started) => started.close() !== undefined,
          (error) => error.code === 'SANDBOX_LOST',
        ),
      )
      const next = await world.open()
      assert.equal(await output(next, 'echo fresh'), 'fresh')
      assert(ends(init.pid)() && ends(monitor.pid)())
      await assert.rejects(channel.exit, { code: 'SANDBOX_LOST' })
      await sandbox.close()
      await next.close()
    }
    await world.backend.remove(name, signal)
    world.assertNothingLeft()
  },

  async 'a server that dies while it opens leaves nothing in the way'(world) {
    const sandboxDirectory = join(world.runtimeDir, name)
    const momentsToDie = [
      () => existsSync(sandboxDirectory),
      () => existsSync(join(sandboxDirectory, 'holder.json')),
      () => existsSync(join(sandboxDirectory, 'channels', 'alive')),
      () => processesNaming(sandboxDirectory).length > 0,
      () => existsSync(sandboxDirectory) && world.record().processes !== undefined,
    ]
    for (const moment of momentsToDie) {
      const server = world.server('(opens and waits)')
      server.catch(() => {})
      await until(() => {
        try {
          return moment()
        } catch {
          return false
        }
      })
      server.kill('SIGKILL')
      await server.catch(() => {})
      const sandbox = await world.open()
      assert.equal(await output(sandbox, 'echo fine'), 'fine')
      await sandbox.close()
      await world.backend.remove(name, signal)
      await until(() => processesNaming(world.runtimeDir).length === 0)
      world.assertNothingLeft()
    }
    // Nor does what one left that died in the middle of writing.
    mkdirSync(sandboxDirectory, { recursive: true })
    writeFileSync(join(sandboxDirectory, 'holder.json'), '{"half')
    await (await world.open()).close()
  },

  async '(opens and waits)'(world) {
    const sandbox = await world.open()
    const channel = await sandbox.start('cat', signal)
    await channel.exit
  },

  async 'an ephemeral sandbox ends with its server, however that ends'(world) {
    const server = world.server('(opens an ephemeral one and waits)')
    server.catch(() => {})
    await once(server.stdout as NodeJS.ReadableStream, 'data')
    const { init, monitor } = world.processes()
    assert(!ends(init.pid)())
    server.kill('SIGKILL')
    await until(ends(init.pid))
    await until(ends(monitor.pid))
    const [left] = await world.backend.list('ours', signal)
    assert.equal(left?.state, 'stopped')
    assert.equal(left?.ephemeral?.pid, server.pid)
    await world.backend.remove(name, signal)
    world.assertNothingLeft()
  },

  async '(opens an ephemeral one and waits)'(world) {
    const started = startOf(process.pid) ?? ''
    const sandbox = await world.open({ ephemeral: { pid: process.pid, started } })
    await run(sandbox, 'setsid -f sleep 1000 >/dev/null 2>&1; echo')
    process.stdout.write('open\n')
    const channel = await sandbox.start('cat', signal)
    await channel.exit
  },

  async 'a cancelled opening leaves nothing'(world) {
    await assert.rejects(
      world.backend.open(world.spec, { signal: AbortSignal.abort(), report: () => {} }),
      { code: 'CANCELLED' },
    )
    const moments = ['holder.json', 'channels/alive']
    for (const file of moments) {
      const cancel = new AbortController()
      const opening = world.backend.open(world.spec, { signal: cancel.signal, report: () => {} })
      opening.catch(() => {})
      await until(() => existsSync(join(world.runtimeDir, name, file)))
      cancel.abort()
      await assert.rejects(opening, { code: 'CANCELLED' })
      await until(() => processesNaming(world.runtimeDir).length === 0)
      world.assertNothingLeft()
    }
  },

  async 'what bubblewrap says is in the error, and nothing is left'(world) {
    const backend = world.backendWith({ extraReadOnly: ['/not/there'] })
    await assert.rejects(world.open({}, backend), {
      code: 'SANDBOX_START_FAILED',
      message: /bwrap: .*\/not\/there/,
    })
    world.assertNothingLeft()
    const missing = world.backendWith({ command: '/not/there/bwrap' })
    await assert.rejects(world.open({}, missing), { code: 'BACKEND_UNAVAILABLE' })
    const finding = await missing.checks[0]?.run(signal)
    assert(finding?.ok === false && finding.fix.includes('bubblewrap'))
    for (const check of world.backend.checks) {
      const found = await check.run(signal)
      assert(found.ok, found.detail)
    }
  },

  async 'a workspace that was replaced is the new one inside, once nobody uses the old one'(world) {
    const sandbox = await world.open()
    replaceWorkspace(world)
    // What others have running is not ended for it.
    const other = world.backendWith({})
    await assert.rejects(world.open({}, other), {
      code: 'SANDBOX_START_FAILED',
      message: /another directory at \/workspace/,
    })
    assert.equal(await output(sandbox, 'echo unharmed'), 'unharmed')
    await sandbox.close()
    const next = await world.open()
    assert.equal(await output(next, 'ls'), 'new')
    await next.close()
  },

  async 'servers that find a replaced workspace at the same time all get the new one'(world) {
    for (let round = 1; round <= 5; round++) {
      await (await world.open()).close()
      replaceWorkspace(world, `new-${round}`)
      const others = [world.backendWith({}), world.backendWith({}), world.backendWith({})]
      const found = await Promise.all(others.map((other) => world.open({}, other)))
      for (const sandbox of found) {
        assert.equal(await output(sandbox, 'ls'), `new-${round}`)
        await sandbox.close()
      }
    }
  },

  async 'changed settings apply once nobody uses the sandbox'(world) {
    const sandbox = await world.open()
    await output(sandbox, 'touch /tmp/old')
    const changed = world.backendWith({ extraReadOnly: [process.execPath, '/etc/hostname'] })
    const kept = await world.open({}, changed)
    assert.equal(await output(kept, 'ls /tmp'), 'old')
    assert.match(world.reports.join(), /in use/)
    assert.match(kept.stale ?? '', /recreate --session/)
    assert.equal(sandbox.stale, undefined)
    await kept.close()
    await sandbox.close()
    const fresh = await world.open({}, changed)
    assert.equal(await output(fresh, 'ls /tmp'), '')
    await fresh.close()
  },

  async 'a runtime directory that is not ours is refused'(world) {
    mkdirSync(join(world.base, 'elsewhere'))
    symlinkSync('elsewhere', world.runtimeDir)
    await assert.rejects(world.open(), { code: 'SANDBOX_START_FAILED', message: /not a directory/ })
    rmSync(world.runtimeDir)
    const theirs = process.getuid?.() === 0 ? world.workspace : '/'
    const backend = world.backendWith({ runtimeDir: theirs })
    if (world.spec.owner.uid === 0) return
    await assert.rejects(world.open({}, backend), { code: 'SANDBOX_START_FAILED', message: /uid/ })
  },
}

/** By a directory of that name, with another file in it. */
function replaceWorkspace({ spec, workspace }: World, file = 'new'): void {
  const { uid, gid } = spec.owner
  renameSync(workspace, `${workspace}.before-${file}`)
  mkdirSync(workspace)
  if (process.getuid?.() === 0) chownSync(workspace, uid, gid)
  writeFileSync(join(workspace, file), '')
}
