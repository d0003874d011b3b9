/** The look at what is recent, where nothing is: in perl, and without a program. What is recent is the script's to tell. */
import type { Shortcut } from '../../scripts/script.ts'

/** Of more entries, `find` has seen all as soon as perl has. */
export const fewEnough = 1_500

/** Prints what `recentCall` prints where no entry below `root` has a ctime younger than `since`, and nothing is asked. */
export function nothingRecent(root: string, since: number): Shortcut {
  return ['nothing_recent', root, since.toFixed(3), `${2 * fewEnough}`]
}

/**
 * A time is a double here, and as good as a quarter of a microsecond: so what is nearly as young as `$since` is taken
 * for younger. What cannot be read, or goes away meanwhile, is declined.
 */
export const recentShortcuts = String.raw`
sub uptime { (split ' ', slurp('/proc/uptime'))[0] }
sub nothing_recent {
  my ($stdin, $root, $since, $most) = @_;
  chdir $root or return;
  my $up = uptime() or return;
  my $now = Time::HiRes::time();
  my $clocks = sprintf '%.6f %s %s', $now, $up, uptime();
  my $mounts = slurp('/proc/self/mountinfo') or return;
  my @directories = ('.');
  my @top = Time::HiRes::lstat('.') or return;
  $since -= 0.00001;
  return if $top[10] > $since;
  while (defined(my $directory = pop @directories)) {
    opendir my $names, $directory or return;
    $! = 0;
    my @names = grep { $_ ne '.' && $_ ne '..' } readdir $names;
    return if $! || ($most -= @names) < 0;
    for (@names) {
      my $path = "$directory/$_";
      my @of = Time::HiRes::lstat($path) or return;
      return if $of[10] > $since;
      push @directories, $path if S_ISDIR($of[2]);
    }
  }
  "$clocks\0$mounts\0\0\0\0"
}
`
