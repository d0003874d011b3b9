/**
 * The attendant as a perl program, where the sandbox has one: what is ordinary it does itself, by system calls, where
 * a script starts programs. Scripts it hands to a shell that waits beside it. Both are asked and answer as
 * `attendant-script.ts` has it.
 */
import { quote } from '../posix-sh.ts'

/** What a request for a shortcut has before its size, and one that waits for the end of a process. */
export const shortcutSign = '='
export const aheadSign = '@'

/** In place of a size: the end need not be waited for any more. */
export const nudgeSign = '!'

/** Before the size of a script that does not come by stdin, but after the first line. */
export const handedSign = '<'

/**
 * What is said once by what takes requests; before anything is done, where no process is younger than the base of the
 * request, but for what waits for the next script; by a shortcut that has declined, before it changed anything; in place
 * of what was to wait for a process, where something else was asked for meanwhile, or one of that number or a higher one
 * is there; and by a script that has done what it is for.
 */
export const attendantWords = {
  perl: 'perl',
  sh: 'sh',
  alone: 'alone',
  declined: 'declined',
  dropped: 'dropped',
  told: 'told',
} as const

/** Where the shell beside perl gets the first line of a request, and where it says that it is ready for the next. */
export const handing = { from: '<&8', to: '>&9', close: '8<&- 9>&-' } as const

/** Of what starts perl. The last two come with a perl in Debian only where all of it is installed, as git has it. */
export const perlModules =
  '-M5.014 -MFcntl=:DEFAULT,:mode -MIO::Handle -MErrno -MPOSIX=dup2 -MTime::HiRes -MDigest::SHA'

/** sh that is true where there is a perl, and all of it; what is set for others' programs does not count. */
export const findPerl = `unset PERL5OPT PERL5LIB PERLLIB PERLIO PERL_UNICODE
command -v perl >/dev/null && LC_ALL=C perl ${perlModules} -e 'exit !-r "/proc/self/stat"' 2>/dev/null`

/**
 * A line of sh that becomes perl if there is one. `shell` is what scripts are handed to. `shortcuts` are definitions of
 * `sub`s, whose names requests have first: they are given the stdin and the words of the request, and return what is
 * printed, or nothing to decline. Nothing that they do may be left when they decline or die; `over()` is true once they
 * are asked to end, and `slurp` is theirs too.
 */
export function becomePerl(token: string, shell: string, shortcuts: string): string {
  const program = quote(slurp + shortcuts + loop)
  return `${findPerl} &&
LC_ALL=C exec perl ${perlModules} -e ${program} ${token} ${quote(shell)}
`
}

/** `slurp(path)` is all that is in a file; nothing where it cannot be read. */
export const slurp = `
sub slurp {
  open my $file, '<', $_[0] or return '';
  local $/;
  readline($file) // ''
}
`

/**
 * Its stdin is read without a buffer: what follows the first line of a request may be for the shell. The end of a process
 * is looked for a little later than a sixteenth of the time that it has taken: a sandbox may forbid to wait for it. One
 * whose first thread has ended looks like a zombie while others of it go on, and while one of them becomes another program.
 */
const loop = String.raw`
my ($token, $shell) = @ARGV;
my ($over, $beside);
$SIG{$_} = sub { $over = 1 } for qw(TERM HUP INT PIPE);
sub over { $over }
sub mark { "\037$token:$_[0]\037" }
sub out {
  my ($to, $bytes) = @_;
  for (my $done = 0; $done < length $bytes;) {
    my $n = syswrite $to, $bytes, length($bytes) - $done, $done;
    if (defined $n) { $done += $n } elsif (!$!{EINTR}) { exit 141 }
  }
}
sub take {
  my ($from, $size) = @_;
  my $bytes = '';
  while (length $bytes < $size) {
    my $n = sysread $from, $bytes, $size - length $bytes, length $bytes;
    exit($over ? 143 : 128) if defined $n ? !$n : $over && !fileno $from || !$!{EINTR};
  }
  $bytes
}
sub ended { $_[0] eq '' || $_[0] =~ /.*\) Z (?:\S+ ){16}1 /s }
sub alone {
  my ($base) = @_;
  return unless -e '/proc/1/stat';
  for (my $pid = $base;;) {
    my ($last) = slurp('/proc/loadavg') =~ / (\d+)\n\z/ or return;
    return if $last < $pid || $last - $base > 300;
    return 1 if $last == $pid;
    while ($pid < $last) {
      my $stat = slurp('/proc/' . ++$pid . '/stat');
      next if ended($stat);
      my ($parent) = $stat =~ /.*\) \S (\d+) /s or return;
      return unless $parent == $beside;
    }
  }
}
sub asked {
  my $line = '';
  $line .= take(*STDIN, 1) until $line =~ /\n\z/;
  $line
}
sub meanwhile {
  my ($pid) = @_;
  my $began = Time::HiRes::time();
  until ($over) {
    return if ended(slurp("/proc/$pid/stat"));
    my $wait = (Time::HiRes::time() - $began) / 16;
    $wait = $wait < 0.0005 ? 0.0005 : $wait > 0.1 ? 0.1 : $wait;
    my $asked = '';
    vec($asked, fileno(STDIN), 1) = 1;
    next unless select($asked, undef, undef, $wait) > 0;
    my $line = asked();
    return $line eq "$token !\n" ? undef : $line;
  }
  exit 143;
}
$^F = 255;
pipe my $heads, my $head;
pipe my $readiness, my $ready;
$beside = fork // exit 126;
unless ($beside) {
  close $head;
  close $readiness;
  dup2(fileno $heads, 8);
  dup2(fileno $ready, 9);
  close $heads;
  close $ready;
  exec 'sh', '-c', $shell;
  exit 126;
}
close $heads;
close $ready;
fcntl $_, F_SETFD, FD_CLOEXEC for $head, $readiness;
out(*STDOUT, mark('perl'));
my $line;
until ($over) {
  my ($key, $size, $bytes, $base, $lines, $script) = split ' ', $line // asked();
  $line = undef;
  exit 128 unless $key eq $token;
  next if $size eq '!';
  if ($size =~ s/^@//) {
    my ($name, @words) = split /\0/, take(*STDIN, $size), -1;
    my $text = take(*STDIN, $script);
    $line = meanwhile($base);
    if (defined $line || !alone($base - 1)) {
      out(*STDOUT, mark('dropped'));
      next;
    }
    my $said = defined $name ? eval { main->can($name)->('', @words) } : undef;
    chdir '/';
    if (defined $said) {
      out(*STDOUT, $said . mark(0));
      next;
    }
    last if $over;
    out($head, "$key <$lines 0\n$text");
    take($readiness, 1);
    next;
  }
  out(*STDOUT, mark('alone')) if $base && alone($base);
  if ($size =~ s/^=//) {
    my ($name, @words) = split /\0/, take(*STDIN, $size), -1;
    my $stdin = take(*STDIN, $bytes);
    my $said = eval { main->can($name)->($stdin, @words) };
    chdir '/';
    if (defined $said) {
      out(*STDOUT, $said . mark(0));
      take(*STDIN, $script) if $script;
      next;
    }
    last if $over;
    if (!$script) {
      out(*STDOUT, mark('declined'));
      next;
    }
    $size = $lines;
  }
  out($head, "$key $size $bytes\n");
  take($readiness, 1);
}
exit 143;
`
