/** The sh that reads an archive of tar from stdin into the current directory, packed as gzip does or not. */
import { patientRead, quote } from '../../posix-sh.ts'

/** The first line of what `unpackScript` reads: whether it is worth a program that takes a while to start. */
export const sizes = { large: 'large', small: 'small' } as const

/** GNU tar takes as much at once as a pipe holds, where it would take a sixth of that. Others do not heed the variable. */
const untar = "TAR_OPTIONS='-b 128' tar -xof -"

/** Does as `gzip -dc`: several archives may follow one another, and one that is cut or damaged is an error. */
const inflate = String.raw`
sub inflater {
  my ($stream, $status) =
    Compress::Raw::Zlib::Inflate->new(-WindowBits => 31, -Bufsize => 65536, -LimitOutput => 1);
  $stream // die "$status\n"
}
my ($packed, $plain, $stream);
for (;;) {
  my $n = sysread STDIN, $packed, 65536;
  next if !defined $n && $!{EINTR};
  $n // die "$!\n";
  last unless $n;
  while (length $packed) {
    $stream //= inflater();
    my $status = $stream->inflate($packed, $plain);
    for (my $done = 0; $done < length $plain;) {
      my $n = syswrite STDOUT, $plain, length($plain) - $done, $done;
      if (defined $n) { $done += $n } elsif (!$!{EINTR}) { die "$!\n" }
    }
    if ($status == Compress::Raw::Zlib::Z_STREAM_END()) { undef $stream }
    elsif ($status != Compress::Raw::Zlib::Z_OK() && $status != Compress::Raw::Zlib::Z_BUF_ERROR()) {
      die "$status\n"
    }
  }
}
die "unexpected end of file\n" if $stream;
`

/** The library that a whole perl brings needs a fifth of what `gzip -dc` needs, and ten milliseconds to start. */
const unzip = `if [ "$size" = ${sizes.large} ] && command -v perl >/dev/null; then
unset PERL5OPT PERL5LIB PERLLIB PERLIO PERL_UNICODE
perl -M5.010 -MErrno -MCompress::Raw::Zlib=2.018 -e 1 2>/dev/null && exec perl -M5.010 -MCompress::Raw::Zlib -e ${quote(inflate)}
fi
exec gzip -dc`

/**
 * Reads a line of `sizes`, and then the archive. Exits as tar does, which takes a stream that ends after a whole archive
 * for one: that nothing is missing has to be told by what is in it.
 */
export const unpackScript = (isPacked: boolean): string =>
  `${patientRead} size && ${isPacked ? `(${unzip}) | ${untar}` : untar}`
