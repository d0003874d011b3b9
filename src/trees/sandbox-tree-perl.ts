/**
 * What the scripts of a tree do for a file where nothing is unusual, in perl: read a regular file that no link leads
 * to, and replace or make one, with the directories that it is in. They keep every promise of the scripts, and decline
 * whatever those would refuse or do in another way, before anything of the workspace has changed.
 */

/**
 * The definitions that the shortcuts call, for an attendant to start with. `walk` enters the directory of the path's last
 * name, and gives that name, and the directory as a path and its parts of which none was a link. Where it is given a list, it
 * makes directories that are missing, and adds their paths to it. `same_place` says whether that path still leads to where
 * we are.
 */
export const treeShortcuts = String.raw`
use filetest 'access';
sub same { $_[0] == $_[2] && $_[1] == $_[3] }
sub walk {
  my ($root, $path, $made) = @_;
  return if $path =~ m{/\z|(?:\A|/)\.\.(?:/|\z)};
  my $at = $root =~ s{/+\z}{}r;
  chdir($at eq '' ? '/' : $at) or return;
  my @parts = grep { $_ ne '' && $_ ne '.' } split m{/}, $path;
  my $name = @parts ? pop @parts : '.';
  for (@parts) {
    my @seen = lstat $_;
    if (!@seen && $made && $!{ENOENT}) {
      mkdir $_ or return;
      push @$made, "$at/$_";
      @seen = lstat $_;
    }
    @seen && S_ISDIR($seen[2]) && chdir $_ or return;
    same(@seen[0, 1], (lstat '.')[0, 1]) or return;
    $at .= "/$_";
  }
  ("./$name", $at, @parts)
}
sub same_place {
  my ($at, @parts) = @_;
  my @here = lstat '.' or return;
  my @there = stat($at eq '' ? '/' : $at) or return;
  same(@here[0, 1], @there[0, 1]) or return;
  while (@parts) {
    lstat $at;
    -d _ or return;
    $at =~ s{/[^/]*\z}{};
    pop @parts;
  }
  1
}
sub facts {
  my @of = @_;
  my $seconds = int $of[9];
  $seconds-- if $of[9] < $seconds;
  my $fraction = sprintf '%.9f', $of[9] - $seconds;
  sprintf '%x %d %d - 0%s', $of[2], $of[7], $seconds, substr $fraction, 1
}
sub content {
  my ($name, $limit) = @_;
  sysopen my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return;
  S_ISREG((stat $file)[2]) or return;
  my $bytes = '';
  while (length $bytes <= $limit) {
    my $n = sysread $file, $bytes, $limit + 1 - length $bytes, length $bytes;
    if (!defined $n) { next if $!{EINTR}; return }
    return $bytes unless $n;
  }
  return
}
sub stat_entry {
  my ($stdin, $root, $path) = @_;
  my ($name) = walk($root, $path) or return;
  my @of = Time::HiRes::lstat($name) or return;
  return if S_ISLNK($of[2]);
  facts(@of) . "\n"
}
sub list_directory {
  my ($stdin, $root, $path) = @_;
  my ($name) = walk($root, $path) or return;
  my @seen = lstat $name or return;
  S_ISDIR($seen[2]) && chdir $name && -r '.' && opendir my $directory, '.' or return;
  my ($entries, $links) = ('', '');
  while (defined(my $entry = readdir $directory)) {
    next if $entry eq '.' || $entry eq '..';
    my @of = Time::HiRes::lstat("./$entry") or next;
    $entries .= facts(@of) . " +0000 ./$entry\n";
    next unless S_ISLNK($of[2]);
    my $target = readlink "./$entry";
    $links .= "./$entry\0$target\0" if defined $target;
  }
  "$entries\0$links"
}
sub read_file {
  my ($stdin, $root, $path, $offset, $count, $limit) = @_;
  my ($name) = walk($root, $path) or return;
  my @seen = lstat $name or return;
  S_ISREG($seen[2]) && $seen[7] or return;
  sysopen my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return;
  my @of = Time::HiRes::stat($file) or return;
  same(@seen[0, 1], @of[0, 1]) or return;
  # Not begun, if it would not end well.
  return if $of[7] - $offset > $limit && $count > $limit;
  sysseek $file, $offset, 0 or return;
  my $bytes = '';
  while (length $bytes < $count) {
    my $rest = $count - length $bytes;
    my $n = sysread $file, $bytes, $rest < 65536 ? $rest : 65536, length $bytes;
    if (!defined $n) { next if $!{EINTR}; return }
    last unless $n;
    return if length $bytes > $limit;
  }
  "$bytes\n" . facts(@of)
}
sub read_files {
  my ($stdin, $root, $token, $count, @paths) = @_;
  my $all = '';
  for (@paths) {
    my $said = read_file($stdin, $root, $_, 0, $count, $count);
    return unless defined $said;
    $all .= "$said\n$token 0\n";
  }
  $all
}
sub replace_file {
  my @made;
  my $said = replace_there(\@made, @_);
  if (!defined $said) { rmdir for reverse @made }
  $said
}
sub replace_there {
  my ($made, $stdin, $root, $path, $before, $executable, $compare, $lock, $temporary) = @_;
  my $may_be_new = $before eq 'absent' || $before eq 'anything';
  my ($name, @place) = walk($root, $path, $may_be_new ? $made : undef) or return;
  return if $name eq './.' || !-w '/tmp';
  my @old = lstat $name;
  if (@old) { S_ISREG($old[2]) && -w $name or return } else { $!{ENOENT} or return }
  my ($held, $staged);
  my $said = eval { replace($stdin, $name, \@old, \@place, $before, $executable, $compare, "/tmp/$lock", "./$temporary", \$held, \$staged) };
  unlink "/tmp/$lock" if $held;
  unlink "./$temporary" if $staged;
  $said
}
sub life { (split ' ', (content("/proc/$_[0]/stat", 65536) // '') =~ s/.*\)//sr)[19] }
my $life;
sub stage {
  my ($bytes, $name, $old, $executable, $temporary, $staged, $synced) = @_;
  sysopen my $new, $temporary, O_WRONLY | O_CREAT | O_EXCL or return;
  $$staged = 1;
  for (my $done = 0; $done < length $$bytes;) {
    my $n = syswrite $new, $$bytes, length($$bytes) - $done, $done;
    if (defined $n) { $done += $n } elsif (!$!{EINTR}) { return }
  }
  !$synced || $new->sync or return;
  my @made = stat $new;
  close $new or return;
  my $mode = $made[2] & 07777;
  if (@$old) {
    chown $$old[4], $$old[5], $temporary unless same(@$old[4, 5], @made[4, 5]);
    # Set-id bits are not kept, as no write by an ordinary user would keep them.
    my $kept = $$old[2] & 0777;
    $mode == $kept || chmod $kept, $temporary or return;
  } elsif ($executable) {
    chmod $mode | 0111 & ~umask(), $temporary or return;
  }
  1
}
sub take_turn {
  my ($lock, $held) = @_;
  sysopen my $turn, $lock, O_WRONLY | O_CREAT | O_EXCL or return;
  $$held = 1;
  $life //= life($$);
  my $me = "$$ $life\n";
  (syswrite $turn, $me) == length $me && close $turn
}
# What is there now, which holds what is relied on and has the rights that it had.
sub unchanged {
  my ($name, $old, $before, $now) = @_;
  @$now = lstat $name;
  if ($before eq 'absent') {
    return if @$now;
  } elsif ($before ne 'anything') {
    return unless @$now && S_ISREG($$now[2]);
    my $sha = Digest::SHA->new(256);
    sysopen my $file, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return;
    $sha->addfile($file)->hexdigest eq $before or return;
    close $file;
    @$now = lstat $name;
  }
  return if @$now ? !S_ISREG($$now[2]) || !@$old : @$old || !$!{ENOENT};
  # The new file has the rights that the old one had.
  !@$now || !(($$now[2] ^ $$old[2]) & 0777)
}
sub replace {
  my ($stdin, $name, $old, $place, $before, $executable, $compare, $lock, $temporary, $held, $staged) = @_;
  stage(\$stdin, $name, $old, $executable, $temporary, $staged, 1) or return;
  if (@$old && $compare && $$old[7] == length $stdin) {
    my $was = content($name, length $stdin);
    return 'same' if defined $was && $was eq $stdin;
  }
  return if over();
  take_turn($lock, $held) or return;
  unchanged($name, $old, $before, \my @now) or return;
  same_place(@$place) && !over() or return;
  rename $temporary, $name or return;
  $$staged = 0;
  $compare ? @$old ? 'other' : 'absent' : ''
}
`
