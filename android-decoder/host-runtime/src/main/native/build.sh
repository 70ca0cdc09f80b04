#!/bin/sh
# Builds replacements for the Android system libraries that PyTorch Mobile needs, for x86-64 Linux with glibc.
#     build.sh OUT
# Uses the first C compiler found: $CC, cc, gcc, clang, or the ziglang package of the project's Python environment or of
# python3. Without a compiler, nothing is built, and the tests that need the libraries are skipped.
set -eu
out=$1
cd "$(dirname "$0")"

compiler() {
  for candidate in ${CC:-} cc gcc clang; do
    if command -v "$candidate" > /dev/null; then echo "$candidate"; return; fi
  done
  for python in ../../../../../.venv/bin/python python3; do
    if "$python" -c 'import ziglang' 2> /dev/null; then echo "$python -m ziglang cc -target x86_64-linux-gnu.2.28"; return; fi
  done
}

cc=$(compiler)
if [ -z "$cc" ]; then
  echo 'No C compiler found: install gcc or clang, or `pip install ziglang`, to run PyTorch Mobile here.' >&2
  exit 0
fi

library() { # NAME SOURCE [ARGUMENT…]
  name=$1
  source=$2
  shift 2
  $cc -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared -Wl,-soname,"$name" -o "$out/$name" "$source" "$@"
}

mkdir -p "$out"
library libc.so libc.c -Wl,--version-script=libc.map -Wl,-z,now -lm -ldl -lpthread
library libm.so empty.c -Wl,--version-script=libc.map
library libdl.so empty.c -Wl,--version-script=libc.map
library liblog.so liblog.c
library libandroid.so libandroid.c
library libfrz_host.so libfrz_host.c -ldl
