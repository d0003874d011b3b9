/**
 * What commands may not ask of the kernel, as a filter that `bwrap --seccomp` reads: the calls for its keys. Keyrings
 * belong to a user, not to a namespace: those of who started the server, with what programs keep in them (tickets of
 * Kerberos, keys of disks and of password stores), could be read and changed from inside.
 */
import { endianness } from 'node:os'

interface Architecture {
  /** As the kernel names it to a filter: `AUDIT_ARCH_…`. */
  readonly audit: number
  /** The numbers of `add_key`, `request_key` and `keyctl`, which follow each other. */
  readonly first: number
}

/** Also those whose programs a kernel runs beside its own. */
const architectures: readonly Architecture[] = [
  { audit: 0xc000003e, first: 248 }, // x86_64
  { audit: 0x40000003, first: 286 }, // i386
  { audit: 0xc00000b7, first: 217 }, // aarch64
  { audit: 0x40000028, first: 309 }, // arm
  { audit: 0xc00000f3, first: 217 }, // riscv64
  { audit: 0xc0000102, first: 217 }, // loongarch64
  { audit: 0xc0000015, first: 269 }, // ppc64le
  { audit: 0x80000016, first: 278 }, // s390x
]

/** Where a filter finds the number of a call, and the architecture it is of. */
const [numberAt, architectureAt] = [0, 4]
const [load, and, isEqual, isAtLeast, isMore, answer] = [0x20, 0x54, 0x15, 0x35, 0x25, 0x06]
const allowed = 0x7fff0000
/** `EPERM`, as Docker has it. */
const refused = 0x00050001
/** Calls of x32 have the numbers of x86_64, with this bit. */
const withoutX32 = 0xbfffffff

type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number]

/** The filter, in the order of bytes of this machine. */
export function keyringFilter(): Buffer {
  const instructions: readonly Instruction[] = [
    ...architectures.flatMap(refusals),
    [answer, allowed],
  ]
  const bytes = Buffer.alloc(instructions.length * 8)
  const isLittle = endianness() === 'LE'
  for (const [at, [code, value, ifTrue = 0, ifFalse = 0]] of instructions.entries()) {
    isLittle ? bytes.writeUInt16LE(code, at * 8) : bytes.writeUInt16BE(code, at * 8)
    bytes.writeUInt8(ifTrue, at * 8 + 2)
    bytes.writeUInt8(ifFalse, at * 8 + 3)
    isLittle ? bytes.writeUInt32LE(value, at * 8 + 4) : bytes.writeUInt32BE(value, at * 8 + 4)
  }
  return bytes
}

/** Jumps are over so many instructions. */
const refusals = ({ audit, first }: Architecture): Instruction[] => [
  [load, architectureAt],
  [isEqual, audit, 0, 6],
  [load, numberAt],
  [and, withoutX32],
  [isAtLeast, first, 0, 2],
  [isMore, first + 2, 1, 0],
  [answer, refused],
  [answer, allowed],
]
