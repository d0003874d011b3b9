/**
 * The system calls that the real sandbox refuses, as a seccomp program for bubblewrap: those with which
 * one could leave it, and clone3, which is not there at all so that libraries use clone instead.
 */

/** Numbers on x64 and arm64. */
const refused: Readonly<Record<string, readonly [number, number]>> = {
  ptrace: [101, 117],
  bpf: [321, 280],
  memfd_create: [319, 279],
  io_uring_setup: [425, 425],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  pidfd_send_signal: [424, 424],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  setns: [308, 268],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  userfaultfd: [323, 282],
  perf_event_open: [298, 241],
}
const clone3 = 435
/** These are refused when their first argument has CLONE_NEWUSER. */
const namespaces = { unshare: [272, 97], clone: [56, 220] } as const
const newUser = 0x1000_0000

const machines: Readonly<Record<string, { readonly at: 0 | 1; readonly audit: number }>> = {
  x64: { at: 0, audit: 0xc000_003e },
  arm64: { at: 1, audit: 0xc000_00b7 },
}

const allow = 0x7fff_0000
const errno = (code: number) => 0x0005_0000 | code
const notPermitted = errno(1)
const noSuchCall = errno(38)
/** Where a call's number, its machine and its first argument are. */
const offset = { number: 0, machine: 4, argument: 16 }

/** Undefined on a machine whose numbers are not known here. */
export function seccompProgram(): Buffer | undefined {
  const machine = machines[process.arch]
  if (machine === undefined) return undefined
  const ifCall = (number: number, then: readonly Buffer[]) => [
    jumpUnlessEqual(number, then.length),
    ...then,
  ]
  const calls = Object.values(refused).map((numbers) => numbers[machine.at])
  return Buffer.concat([
    load(offset.machine),
    ...ifNotMachine(machine.audit),
    load(offset.number),
    ...calls.flatMap((number) => ifCall(number, [answer(notPermitted)])),
    ...ifCall(clone3, [answer(noSuchCall)]),
    ...Object.values(namespaces).flatMap((numbers) =>
      ifCall(numbers[machine.at], [
        load(offset.argument),
        instruction(0x45, newUser, 0, 1),
        answer(notPermitted),
        answer(allow),
      ]),
    ),
    answer(allow),
  ])
}

const ifNotMachine = (audit: number) => [instruction(0x15, audit, 1, 0), answer(allow)]
const load = (at: number) => instruction(0x20, at)
const answer = (value: number) => instruction(0x06, value)
const jumpUnlessEqual = (value: number, over: number) => instruction(0x15, value, 0, over)

/** A BPF instruction: what, where to go if so and if not, and with what. */
function instruction(code: number, value: number, jumpTrue = 0, jumpFalse = 0): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(code)
  bytes.writeUInt8(jumpTrue, 2)
  bytes.writeUInt8(jumpFalse, 3)
  bytes.writeUInt32LE(value, 4)
  return bytes
}
