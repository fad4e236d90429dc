#!/usr/bin/env bash
# What is run on Debian's 6.1 kernel, inside the guest: the packet tests, the two-CPU race, and real traffic in each mode.
cd /proxip || exit 1
export PROXIP_BIN=/proxip/build/release/bin PROXIP_SLOW=5
failures=0
run() { # NAME COMMAND…
    local name=$1 start=$SECONDS status=0
    shift
    "$@" >/tmp/log 2>&1 || status=$?
    if ((status == 0)); then
        echo "guest: PASS $name ($((SECONDS - start)) s)"
    else
        echo "guest: FAIL $name ($((SECONDS - start)) s, exit $status)"
        tail -n 60 /tmp/log
        failures=$((failures + 1))
    fi
}

# Each question of explain loads the object and reads every table, which takes long in an emulated machine: one stands for all.
run packet "$PROXIP_BIN/proxip_packet_tests" "~[explain]"
run explain "$PROXIP_BIN/proxip_packet_tests" "explain says where a first packet would go, and changes nothing"
[[ -x $PROXIP_BIN/proxip_race_test ]] && run race "$PROXIP_BIN/proxip_race_test"
run smoke-native bash tests/kernel61/smoke.sh native
run smoke-generic bash tests/kernel61/smoke.sh generic
run smoke-unprivileged bash tests/kernel61/smoke.sh native unprivileged
exit "$((failures > 0))"
