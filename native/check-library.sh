#!/bin/sh
# check-library.sh LIBRARY OBJECTS TIERS: fails if the library needs more than the C library or calls
# what native code never calls, if an object holds mutable global state, or if an object of one tier
# holds instructions of a higher one. Without readelf or objdump the part that needs it is left out.
library=$1
objects=$2
tiers=$3

if command -v "${READELF:-readelf}" >/dev/null 2>&1; then
  for needed in $("${READELF:-readelf}" -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $needed in
      libc.so* | libm.so* | libpthread.so* | ld-linux* | libc.musl-* | ld-musl-*) ;;
      *)
        echo "libquern.so may need the C library only, but it needs $needed too." >&2
        exit 1
        ;;
    esac
  done

  # Native code never prints, exits, aborts, allocates memory or starts a thread.
  for used in $("${READELF:-readelf}" --dyn-syms -W "$library" | awk '$7 == "UND" { print $8 }'); do
    case ${used%%@*} in
      exit | _exit | quick_exit | abort | __assert* | *printf | __printf_chk | __fprintf_chk | puts | \
        fputs | putchar | fputc | write | fwrite | perror | malloc | calloc | realloc | free | \
        aligned_alloc | posix_memalign | pthread_create | thrd_create | fork | raise | signal | sigaction)
        case ${used%%@*} in vsnprintf | snprintf) continue ;; esac
        echo "libquern.so calls ${used%%@*}: native code never prints, exits, aborts, allocates memory or starts a thread." >&2
        exit 1
        ;;
    esac
  done

  # No mutable state but thread-local: what is written between runs belongs to the caller.
  for object in $(find "$objects/base" $(for tier in $tiers; do echo "$objects/$tier"; done) -name '*.o' 2>/dev/null); do
    mutable=$("${READELF:-readelf}" -SW "$object" | sed 's/\[ */[/' |
      awk '($2 ~ /^\.(data|bss)/) && ($2 !~ /^\.data\.rel\.ro/) && ($6 !~ /^0+$/) { print $2 }')
    if [ -n "$mutable" ]; then
      echo "$object has mutable global state in" $mutable >&2
      exit 1
    fi
  done
fi

# holds PATTERN FOLDER: the objects under FOLDER whose code mentions PATTERN.
holds() {
  [ -d "$2" ] || return 0
  find "$2" -name '*.o' | sort | while read -r object; do
    if "${OBJDUMP:-objdump}" -d --no-show-raw-insn "$object" | grep -qE "$1"; then
      echo "$object"
    fi
  done
}

if [ "$(uname -m)" = x86_64 ] && command -v "${OBJDUMP:-objdump}" >/dev/null 2>&1; then
  found=$(for folder in base scalar avx2 avx2_vnni; do holds '%zmm|%k[1-7]\b' "$objects/$folder"; done)
  if [ -n "$found" ]; then
    echo "AVX-512 instructions outside of the tiers of AVX-512:" $found >&2
    exit 1
  fi
  found=$(for folder in base scalar avx2 avx512; do holds '\<v(dpbf16ps|cvtne2?ps2bf16|pdpbusds?|pdpwssds?)\>' "$objects/$folder"; done)
  if [ -n "$found" ]; then
    echo "Dot products outside of the tiers that need them:" $found >&2
    exit 1
  fi
  found=$(for folder in avx2_vnni avx512_vnni; do holds '\<v(dpbf16ps|cvtne2?ps2bf16)\>' "$objects/$folder"; done)
  if [ -n "$found" ]; then
    echo "Dot products of BF16 in a tier of VNNI alone:" $found >&2
    exit 1
  fi
  found=$(for folder in base scalar avx2 avx2_vnni avx512 avx512_vnni avx512_bf16; do holds '%tmm' "$objects/$folder"; done)
  if [ -n "$found" ]; then
    echo "AMX instructions outside of the amx tier:" $found >&2
    exit 1
  fi
  # The dispatcher reads XCR0 with xgetbv, but no base or scalar code computes with ymm registers.
  found=$(holds '%ymm' "$objects/base"; holds '%ymm' "$objects/scalar")
  if [ -n "$found" ]; then
    echo "AVX instructions outside of the avx2 and avx512 tiers:" $found >&2
    exit 1
  fi
  # An empty comparison is no check: a tier with kernels has to use its registers or instructions somewhere.
  for pair in avx2:%ymm avx2_vnni:vpdpbusd avx512:%zmm avx512_vnni:vpdpbusd avx512_bf16:vdpbf16ps \
    amx:tdpbf16ps amx:tdpbssd; do
    tier=${pair%:*}
    case " $tiers " in *" $tier "*) ;; *) continue ;; esac
    if [ -n "$(find "$objects/$tier" -name '*.o' 2>/dev/null | head -1)" ] &&
      [ -z "$(holds "${pair#*:}" "$objects/$tier")" ]; then
      echo "No object of the $tier tier uses ${pair#*:}: is it compiled with the right flags?" >&2
      exit 1
    fi
  done
fi
