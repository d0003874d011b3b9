#!/bin/sh
# Adds up an order: receipt.sh FILE
set -eu
cd "$(dirname "$0")"
. ./money.sh
[ -r "$1" ] || { echo "there is no order $1" >&2; exit 1; }

total=0
while read -r quantity cents name; do
  printf '%3d x %-12s %8s\n' "$quantity" "$name" "$(euros $((quantity * cents)))"
  total=$((total + quantity * cents))
done <"$1"
printf '%18s %8s\n' total "$(euros "$total")"
