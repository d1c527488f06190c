#!/bin/sh
# Called by Maven: compiles libquern.so where there is a C compiler and make, and otherwise says once
# that there are none and succeeds with an empty jar.
cd "$(dirname "$0")" || exit 1
mkdir -p target/classes

compiler=${CC:-cc}
if ! command -v "$compiler" >/dev/null 2>&1 && [ -z "${CC:-}" ]; then
  compiler=gcc
fi
if [ "$(uname -s)" != Linux ]; then
  echo "libquern is built on Linux only so far: the engine will run on the Vector API here."
  exit 0
fi
missing=
command -v "$compiler" >/dev/null 2>&1 || missing="C compiler"
command -v make >/dev/null 2>&1 || missing="${missing:+$missing and no }make"
if [ -n "$missing" ]; then
  # What an earlier build left would be stale.
  rm -rf target/classes/META-INF/quern-native
  echo "There is no $missing on this machine: libquern is left out, and the engine will run on the Vector API (install gcc and make to have it)."
  exit 0
fi
exec make --no-print-directory -s -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" CC="$compiler" all
