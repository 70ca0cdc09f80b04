// The library that the JVM loads first. It opens our replacements for Android's libraries, and then the libraries of
// PyTorch Mobile, from its own folder. RTLD_DEEPBIND makes them use their own libc++ rather than the JVM's libstdc++.
// When Java loads them later, they are already open, and only their JNI_OnLoad runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const LIBRARIES[] = {
    "libc.so",       "libm.so",   "libdl.so", "liblog.so", "libandroid.so", "libc++_shared.so",
    "libfbjni.so", "libpytorch_jni_lite.so",
};

static const char *open_all(void) {
  Dl_info here;
  if (!dladdr((void *)open_all, &here)) return "no path";
  const char *slash = strrchr(here.dli_fname, '/');
  int length = slash ? (int)(slash + 1 - here.dli_fname) : 0;
  for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; i++) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s%s", length, here.dli_fname, LIBRARIES[i]);
    if (!dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)) return dlerror();
  }
  return NULL;
}

__attribute__((constructor)) static void start(void) {
  const char *failure = open_all();
  if (failure) fprintf(stderr, "frz-host: %s\n", failure);
}
