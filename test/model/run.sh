#!/bin/sh
# Searches the whole state space of the protocol (lease.pml), and checks that spin finds a violation for each guard left out.
#   test/model/run.sh           small budgets of faults, which is enough for every guard: seconds
#   test/model/run.sh --full    three workers, and two workers with all faults at once: minutes, and some gigabytes
# Prints TAP.
set -u
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/upstream-model.XXXXXX")
trap 'rm -rf "$work"' EXIT
model=$PWD/lease.pml
count=0
status=0

# search OPTIONS [-O1]: prints spin's words on the whole state space.
search() {
    rm -rf "$work/pan" && mkdir "$work/pan" && cd "$work/pan" || exit 1
    # shellcheck disable=SC2086
    if spin -a $1 "$model" >spin.log 2>&1 && ${CC:-cc} ${2:--O0} -w -DSAFETY -DCOLLAPSE -DMEMLIM=12000 -o pan pan.c; then
        ./pan -m1000000
    else
        cat spin.log
    fi
    cd "$OLDPWD" || exit 1
}

report() { # result name
    count=$((count + 1))
    [ "$1" = ok ] || status=1
    echo "$1 $count - $2"
}

# No violation, all states searched, and the protocol's code all reached but its last lines.
holds() { # name options
    said=$(search "$2" -O1)
    states=$(echo "$said" | sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p')
    if echo "$said" | grep -q 'errors: 0$' && ! echo "$said" | grep -q 'Search not completed'; then
        report ok "$1: $states states, no violation"
    else
        report "not ok" "$1"
        echo "$said" | head -n 40 | sed 's/^/# /'
    fi
}

# Without the guard a violation is found.
needs() { # guard options
    said=$(search "-D$1 $2")
    found=$(echo "$said" | grep -m1 -E '^pan:1: (assertion violated|invalid end state)' | sed 's/(at depth.*//; s/^pan:1: //')
    if [ -n "$found" ]; then
        report ok "without its guard ($1): $found"
    else
        report "not ok" "$1 is missed by nobody"
        echo "$said" | head -n 20 | sed 's/^/# /'
    fi
}

budget() { echo "-DDEATHS=$1 -DEXPIRIES=$2 -DRESETS=$3 -DPOWER_FAILURES=$4 -DROTATIONS=$5 -DSIGN_INS=$6 -DGRACE=$7"; }
lease=$(budget 1 1 1 0 0 0 1)
hung=$(budget 0 1 0 0 0 0 1)
killed=$(budget 1 0 0 0 0 0 1)
tokens=$(budget 2 0 0 0 1 1 1)
late_token=$(budget 0 1 0 0 1 0 0)
tokens_no_grace=$(budget 2 0 0 0 1 1 0)
power=$(budget 0 0 0 1 1 0 0)

if [ "${1:-}" = --full ]; then
    for grace in 0 1; do
        holds "two workers, all faults, grace $grace" "$(budget 1 1 1 1 1 1 $grace)"
        holds "three workers, tokens, grace $grace" "$(budget 2 0 0 0 1 1 $grace) -DWORKERS=3"
        holds "three workers, power failure, grace $grace" "$(budget 1 0 0 1 1 0 $grace) -DWORKERS=3"
    done
    holds "three workers, leases" "$(budget 2 2 1 0 0 0 1) -DWORKERS=3"
else
    holds "leases" "$lease"
    holds "three workers" "$lease -DWORKERS=3"
    holds "tokens, with grace" "$tokens"
    holds "tokens, without grace" "$tokens_no_grace"
    holds "tokens, claims that run out, with grace" "$(budget 1 1 0 0 2 1 1)"
    holds "tokens, claims that run out, without grace" "$(budget 1 1 0 0 2 1 0)"
    holds "power failure, with grace" "$(budget 1 0 0 1 1 0 1)"
    holds "power failure, without grace" "$(budget 1 0 0 1 1 0 0)"
    needs NO_FENCE "$hung"
    needs NO_LEASE "$hung"
    needs NO_DEATH "$killed"
    needs NO_TIMEOUT "$hung"
    needs NO_LOOK_BEFORE_REQUEST "$hung"
    needs NO_ONE_TRANSACTION "$killed"
    needs NO_CURSOR_FROM_DATA "$killed"
    needs NO_FENCE_AT_RESET "$lease"
    needs NO_SHORT_TRANSACTIONS "$killed"
    needs NO_SINGLE_FLIGHT "$tokens"
    needs NO_LOOK_BEFORE_TOKEN "$late_token"
    needs NO_INTENT "$tokens"
    needs NO_CLAIM_CHECK "$tokens"
    needs NO_STORE_BEFORE_USE "$tokens"
    needs NO_SYNC_INTENT "$power"
    needs NO_SYNC_TOKEN "$power"
fi
echo "1..$count"
exit $status
