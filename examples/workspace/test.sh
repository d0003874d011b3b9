#!/bin/sh
# Checks the receipts; exits 1 when one is wrong.
cd "$(dirname "$0")" || exit 1
. ./money.sh
failed=0

check() {
  if [ "$2" = "$3" ]; then
    echo "ok      $1"
  else
    echo "NOT OK  $1: $2, should be $3"
    failed=$((failed + 1))
  fi
}

total_of() {
  sh receipt.sh "$1" | sed -n 's/^ *total *//p'
}

check "5 cents" "$(euros 5)" 0.05
check "12 euros" "$(euros 1200)" 12.00
check "lunch" "$(total_of orders/lunch.txt)" 18.05

echo "$failed failed"
[ "$failed" -eq 0 ]
