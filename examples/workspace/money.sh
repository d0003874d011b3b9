# Writes an amount of cents as euros.
euros() {
  printf '%d.%d\n' $(($1 / 100)) $(($1 % 100))
}
