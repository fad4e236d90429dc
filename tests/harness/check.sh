# Assertions of the network tests. Sourced after lab.sh. Each prints one line; a test ends with `finish`.

CHECKS=0
FAILED=0

passed() { # WHAT
    CHECKS=$((CHECKS + 1))
    printf '  ok    %s\n' "$1"
}

failed() { # WHAT [DETAIL]
    CHECKS=$((CHECKS + 1))
    FAILED=$((FAILED + 1))
    printf '  FAIL  %s\n' "$1"
    [[ -z ${2:-} ]] || printf '%s\n' "$2" | head -n 20 | sed 's/^/        /'
}

check() { # WHAT COMMAND…: it succeeds
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then passed "$what"; else failed "$what" "exit $?: $*
$output"; fi
}

check_not() { # WHAT COMMAND…: it fails
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then failed "$what" "succeeded, and must not: $*
$output"; else passed "$what"; fi
}

check_equal() { # WHAT EXPECTED ACTUAL
    if [[ $2 == "$3" ]]; then passed "$1"; else failed "$1" "expected: $2
found:    $3"; fi
}

check_match() { # WHAT REGEX TEXT
    if [[ $3 =~ $2 ]]; then passed "$1"; else failed "$1" "expected to match: $2
found: $3"; fi
}

check_number() { # WHAT NUMBER OPERATOR NUMBER, as in check_number "answers" "$n" -ge 49
    if [[ $2 =~ ^-?[0-9]+$ ]] && test "$2" "$3" "$4"; then passed "$1"; else failed "$1" "found $2, expected $3 $4"; fi
}

# The exit code; what it printed is left in OUT and ERR.
check_exit() { # WHAT CODE COMMAND…
    local what=$1 expected=$2 code=0
    shift 2
    "$@" >"$LAB_DIR/out" 2>"$LAB_DIR/err" </dev/null || code=$?
    OUT=$(<"$LAB_DIR/out")
    ERR=$(<"$LAB_DIR/err")
    if ((code == expected)); then passed "$what"; else failed "$what" "exit $code, expected $expected: $*
$OUT
$ERR"; fi
}

check_json() { # WHAT JQ-CONDITION JSON
    local verdict
    if verdict=$(jq -e "$2" <<<"$3" 2>&1) && [[ -n $3 ]]; then passed "$1"; else failed "$1" "not so: $2 ($verdict)
$3"; fi
}

section() { printf '%s\n' "$1"; }

finish() {
    printf '%d checks, %d failed\n' "$CHECKS" "$FAILED"
    ((FAILED == 0 && CHECKS > 0)) || exit 1
    exit 0
}
