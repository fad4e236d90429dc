# Building a preset quietly: build PRESET [TARGET…]. On failure the end of the log is shown. Sourced.

BUILD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

build() { # PRESET [TARGET…]
    local preset=$1 start=$SECONDS log
    shift
    mkdir -p "$BUILD_ROOT/build"
    log=$BUILD_ROOT/build/$preset.log
    # One build of a preset at a time: quickstart.sh and run.sh may meet.
    exec {build_lock}>"$BUILD_ROOT/build/.$preset.lock"
    flock "$build_lock"
    if ! (cd "$BUILD_ROOT" && cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}) >"$log" 2>&1; then
        echo "building $preset failed; the end of $log:" >&2
        tail -n 40 "$log" >&2
        exec {build_lock}>&-
        return 1
    fi
    exec {build_lock}>&-
    echo "built $preset in $((SECONDS - start)) s"
}
