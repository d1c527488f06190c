#!/bin/sh
# Called by Maven, with `all` or `test`: compiles libquern.so, or compiles and runs the C tests.
# Where there is no C compiler or no make it says so once, and succeeds with an empty jar.
cd "$(dirname "$0")" || exit 1
goal=${1:-all}
mkdir -p target/classes

compiler=${CC:-cc}
if [ -z "${CC:-}" ] && ! command -v cc >/dev/null 2>&1; then
  compiler=gcc
fi
missing=
command -v "$compiler" >/dev/null 2>&1 || missing="C compiler"
command -v make >/dev/null 2>&1 || missing="${missing:+$missing and no }make"
[ "$(uname -s)" = Linux ] || missing="Linux"
if [ -n "$missing" ]; then
  # What an earlier build left would be stale.
  rm -rf target/classes/META-INF/quern-native
  [ "$goal" != all ] ||
    echo "There is no $missing here: libquern is left out, and the engine will run on the Vector API (on Linux, gcc and make build it)."
  exit 0
fi

run() {
  make --no-print-directory -s -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" \
    CC="$compiler" "$@"
}

if [ "$goal" != test ]; then
  run "$goal"
  exit
fi
run test || exit 1
# Where the CPU lacks AMX, it and all other tiers beyond AVX2 are tested made of AVX2 instructions.
if grep -qw avx2 /proc/cpuinfo && ! grep -qw amx_tile /proc/cpuinfo; then
  run emulated-test || exit 1
fi
if echo 'int main(void) { return 0; }' |
  "$compiler" -fsanitize=address,undefined -x c - -o target/sanitizer-probe 2>/dev/null; then
  run sanitize-test
else
  echo "The C compiler has no sanitizers (libasan, libubsan): the C tests ran without them."
fi
