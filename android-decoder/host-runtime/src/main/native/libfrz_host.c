// What the JVM loads first. Opens Android's libraries, ours and then those of PyTorch Mobile, from the folder that
// it lies in. RTLD_DEEPBIND makes them see their own libc++ before the libstdc++ that the JVM has brought along. When
// Java loads them afterwards, they are open already, and only their JNI_OnLoad is run.
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
