#!/bin/sh
# mvn -Pjextract: lets jextract (22 or later, from JEXTRACT_HOME or the PATH) bind quern.h into
# target/jextract, in the package and under the names of the bindings that stand in src/main/java.
cd "$(dirname "$0")" || exit 1
jextract=${JEXTRACT_HOME:+$JEXTRACT_HOME/bin/}jextract
if ! command -v "$jextract" >/dev/null 2>&1; then
  echo "There is no jextract: put it on the PATH, or set JEXTRACT_HOME to its folder (https://jdk.java.net/jextract)." >&2
  exit 1
fi
rm -rf target/jextract
exec "$jextract" --output target/jextract --target-package org.quern.bindings.quern \
  --header-class-name quern_h --include-dir ../native/include @src/jextract/quern.includes \
  ../native/include/quern.h
