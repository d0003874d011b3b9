/**
 * Many changes in a sandbox: by one perl where there is all of it, as a script starts several programs for each. It does
 * what is ordinary, and keeps every promise of the script; what it declines, it takes back, and hands all of its input
 * to the script.
 */
import { quote } from '../posix-sh.ts'
import { findPerl, perlModules, slurp } from '../scripts/attendant-perl.ts'
import type { Change } from '../tree.ts'
import { lockName } from './sandbox-lock-script.ts'
import { exits } from './sandbox-scripts.ts'
import { treeShortcuts } from './sandbox-tree-perl.ts'
import { temporaryName } from './temporary-name.ts'

/** So many changes by a script cost more than to start perl. */
export const manyChanges = 8

/** What does the changes, and its stdin. */
export interface ManyScript {
  readonly script: string
  readonly stdin: readonly Uint8Array[]
}

/** `script` does the same, with `functions` before it and the new bytes of all changes on its stdin. */
export function manyScript(
  root: string,
  changes: readonly Change[],
  lock: string,
  functions: string,
  script: string,
): ManyScript {
  const words = Buffer.from(
    [
      root,
      lockName(root, lock),
      temporaryName(),
      ...changes.flatMap(({ path, before, after }) => [
        path,
        typeof before === 'string' ? before : before.digest,
        ...(after === 'absent'
          ? [after, '0']
          : [after.executable ? 'executable' : 'plain', `${after.bytes.length}`]),
      ]),
    ].join('\0'),
  )
  const skip = `dd bs=${words.length} count=1 iflag=fullblock >/dev/null 2>&1\n`
  const alone = Buffer.from(`${functions}\n${skip}${script}`)
  const bytes = changes.flatMap(({ after }) => (after === 'absent' ? [] : [after.bytes]))
  const evaluated = `eval "$(dd bs=${alone.length} count=1 iflag=fullblock 2>/dev/null)"`
  const program = quote(slurp + treeShortcuts + changeMany)
  const sizes = [alone, words, Buffer.alloc(0), ...bytes].map(({ length }) => length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  return {
    script: `${findPerl} &&
LC_ALL=C exec perl ${perlModules} -e ${program} ${alone.length} ${words.length} ${total} ${quote(evaluated)}
${evaluated}`,
    stdin: [alone, words, ...bytes],
  }
}

/**
 * Locates and stages all, takes its turn, checks all, keeps a link to each file that there is, and puts all in place. A
 * directory is entered again by its path for each of these, and has to be the one that it was.
 */
const changeMany = String.raw`
my ($script_bytes, $words_bytes, $total, $script) = @ARGV;
my ($over, $is_busy);
$SIG{$_} = sub { $over = 1 } for qw(TERM HUP INT PIPE);
sub over { $over }
sub enter_again {
  my ($root, $change) = @_;
  my ($name) = walk($root, $$change{path}) or return;
  same((lstat '.')[0, 1], @{$$change{directory}})
}
# By whatever way its path leads there now.
sub enter_to_clear {
  my ($change) = @_;
  chdir($$change{at} eq '' ? '/' : $$change{at}) && same((lstat '.')[0, 1], @{$$change{directory}})
}
sub locate_and_stage {
  my ($root, $token, $stdin, $all, $made) = @_;
  my $from = $script_bytes + $words_bytes;
  for my $change (@$all) {
    return if over();
    my $is_new = $$change{before} eq 'absent' || $$change{before} eq 'anything';
    my $is_removed = $$change{kind} eq 'absent';
    my ($name, $at) = walk($root, $$change{path}, $is_new && !$is_removed ? $made : undef) or return;
    return if $name eq './.';
    my @old = lstat $name;
    if (@old) { S_ISREG($old[2]) && ($is_removed || -w $name) or return } else { $!{ENOENT} or return }
    @$change{qw(name at old directory)} = ($name, $at, \@old, [(lstat '.')[0, 1]]);
    next if $is_removed;
    my $bytes = substr $$stdin, $from, $$change{size};
    $from += $$change{size};
    stage(\$bytes, $name, \@old, $$change{kind} eq 'executable', "./$token-$$change{index}", \$$change{staged}) or return;
  }
  1
}
# As long as the script would wait. It is better at one that has no name, or is gone, and nobody is in its way then.
sub wait_for_turn {
  my ($lock, $held) = @_;
  my $is_named;
  for (1 .. 500) {
    return if over();
    return 1 if take_turn($lock, $held);
    return if $$held || !$!{EEXIST};
    my ($holder, $since) = split ' ', content($lock, 200) // '';
    $is_named = defined $since;
    return if $is_named && (life($holder) // '') ne $since;
    select undef, undef, undef, 0.02;
  }
  $is_busy = $is_named;
  return
}
# Disks take those that wait at the same time together.
sub sync_all {
  my ($root, $token, $all) = @_;
  my @staged = grep { $$_{staged} } @$all;
  my $count = @staged < 16 ? @staged : 16;
  my %pids;
  for my $first (0 .. $count - 1) {
    my $pid = fork;
    last unless defined $pid;
    if ($pid) { $pids{$pid} = 1; next }
    for (my $i = $first; $i < @staged; $i += $count) {
      # Who is asked to end has little time to take all of it back.
      POSIX::_exit(1) if $over;
      enter_again($root, $staged[$i]) && sysopen my $file, "./$token-$staged[$i]{index}", O_RDONLY | O_NOFOLLOW or POSIX::_exit(1);
      $file->sync or POSIX::_exit(1);
    }
    POSIX::_exit(0);
  }
  my $done = 0;
  while (%pids) {
    my $pid = waitpid -1, 0;
    if ($pid < 0) { next if $!{EINTR}; last }
    $done += delete $pids{$pid} && !$?;
  }
  $done == $count
}
sub check_and_keep {
  my ($root, $token, $all) = @_;
  for my $change (@$all) {
    return if over();
    enter_again($root, $change) or return;
    unchanged(@$change{qw(name old before)}, \my @now) or return;
    $$change{facts} = file_facts($$change{name});
    next unless @now;
    # A link to a file of somebody else's could not be removed again from a sticky directory.
    $now[4] == $> && link $$change{name}, "./$token-$$change{index}b" or return;
    $$change{kept} = 1;
    same(@now[0, 1], (lstat "./$token-$$change{index}b")[0, 1]) or return;
  }
  1
}
# Without the time of the link that is kept.
sub file_facts { join ' ', (Time::HiRes::lstat $_[0])[0 .. 2, 7, 9] }
sub put_all {
  my ($root, $token, $all) = @_;
  for my $change (@$all) {
    return if over();
    next if $$change{kind} eq 'absent' && !$$change{kept};
    enter_again($root, $change) or return;
    # Since all were checked others have had time to write to it.
    file_facts($$change{name}) eq $$change{facts} or return;
    if ($$change{kind} eq 'absent') { unlink $$change{name} or return }
    else {
      rename "./$token-$$change{index}", $$change{name} or return;
      $$change{staged} = 0;
    }
    $$change{put} = 1;
  }
  1
}
sub clear_away {
  my ($token, $all, $made, $is_done) = @_;
  for my $change (reverse @$all) {
    next unless $$change{staged} || $$change{kept} || $$change{put};
    enter_to_clear($change) or next;
    if ($$change{put} && !$is_done) {
      if ($$change{kept}) { $$change{kept} = 0 if rename "./$token-$$change{index}b", $$change{name} }
      else { unlink $$change{name} }
    }
    unlink "./$token-$$change{index}" if $$change{staged};
    unlink "./$token-$$change{index}b" if $$change{kept};
  }
  return if $is_done;
  rmdir for reverse @$made;
}
sub change_many {
  my ($stdin) = @_;
  my ($root, $lock, $token, @words) = split /\0/, substr($$stdin, $script_bytes, $words_bytes), -1;
  return unless -w '/tmp';
  my (@all, @made, $held);
  while (my ($path, $before, $kind, $size) = splice @words, 0, 4) {
    push @all, { index => scalar @all, path => $path, before => $before, kind => $kind, size => $size };
  }
  my $is_done = eval {
    locate_and_stage($root, $token, $stdin, \@all, \@made) && sync_all($root, $token, \@all) && wait_for_turn("/tmp/$lock", \$held)
      && check_and_keep($root, $token, \@all) && put_all($root, $token, \@all)
  };
  clear_away($token, \@all, \@made, $is_done);
  unlink "/tmp/$lock" if $held;
  $is_done
}
my $stdin = '';
while (length $stdin < $total) {
  my $n = sysread STDIN, $stdin, $total - length $stdin, length $stdin;
  if (defined $n ? !$n : !$!{EINTR} || $over) { last }
}
exit ($over ? 143 : ${exits.cutShort}) if length $stdin < $script_bytes + $words_bytes;
exit 0 if length $stdin == $total && change_many(\$stdin);
exit 143 if $over;
exit ${exits.busy} if $is_busy;
chdir '/';
my $pid = open my $sh, '|-', 'sh', '-c', $script or exit 126;
for (my $done = 0; $done < length $stdin;) {
  my $n = syswrite $sh, $stdin, length($stdin) - $done, $done;
  if (defined $n) { $done += $n } elsif (!$!{EINTR}) { last }
}
close $sh;
exit ($? & 127 ? 128 + ($? & 127) : $? >> 8);
`
