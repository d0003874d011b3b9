/**
 * Landlock as the real sandbox has it: each command of a channel is in a domain of its own, may read and
 * write what the policy lists, and may not look into the processes of another channel. Perl is what every
 * Debian has that can make these system calls.
 */

export interface LandlockRules {
  readonly readOnly: readonly string[]
  readonly readWrite: readonly string[]
}

/**
 * `argv` in a new domain; without one where no rule is given, and where the kernel has no Landlock, as
 * `best_effort` says.
 */
export function inDomain(
  { readOnly, readWrite }: LandlockRules,
  argv: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  if (readOnly.length + readWrite.length === 0) return argv
  return ['/usr/bin/perl', '-e', script, '--', ...readOnly, '--', ...readWrite, '--', ...argv]
}

/**
 * The calls are numbered alike on all machines, but for prctl. The rights are those of the second version
 * of Landlock: 0, 2 and 3 are to execute, to read a file and to read a directory; 1 is to write a file.
 */
const script = `
use strict;
my @lists = ([], []);
for my $list (@lists) { while ((my $path = shift @ARGV) ne '--') { push @$list, $path } }
my ($all, $read, $file) = ((1 << 14) - 1, 1 << 0 | 1 << 2 | 1 << 3, 1 << 0 | 1 << 1 | 1 << 2);
my $rules = syscall(444, my $handled = pack('Q', $all), 8, 0);
if ($rules >= 0) {
  for my $at (0, 1) {
    for my $path (@{$lists[$at]}) {
      sysopen(my $place, $path, 0x200000) or next;
      my $rights = ($at ? $all : $read) & (-d $place ? $all : $file);
      syscall(445, $rules, 1, my $rule = pack('Ql', $rights, fileno $place), 0);
    }
  }
  syscall(${process.arch === 'arm64' ? 167 : 157}, 38, 1, 0, 0, 0);
  syscall(446, $rules, 0) == 0 or die "landlock: $!";
}
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!";
`
