// A replacement for Android's libc.so, built on glibc, with all functions that the libraries of PyTorch Mobile need.
//
// These libraries refer to symbols of the version LIBC, so every symbol here is defined with that version. References
// in this file have no version and resolve to glibc. Most functions are identical in both libraries, so a jump is
// sufficient; the others are defined below.
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define FORWARD(name)                                                                      \
  __asm__(".text\n.globl bionic_" #name "\n.type bionic_" #name ",@function\nbionic_" #name \
          ":\n  jmp *" #name "@GOTPCREL(%rip)\n.size bionic_" #name ",.-bionic_" #name       \
          "\n.symver bionic_" #name "," #name "@LIBC\n");
#include "forwarded.h"

#define BIONIC(name) __asm__(".symver bionic_" #name "," #name "@LIBC"); __attribute__((visibility("default"), used))

// On Android, the standard streams are elements of an array. Only the address of the array matters, not its contents.
enum { SIZE_OF_FILE = 152 };
BIONIC(__sF) char bionic___sF[3 * SIZE_OF_FILE];

static FILE *stream(void *bionic) {
  uintptr_t at = (uintptr_t)bionic - (uintptr_t)bionic___sF;
  if (at >= sizeof bionic___sF) return bionic;
  return at < SIZE_OF_FILE ? stdin : at < 2 * SIZE_OF_FILE ? stdout : stderr;
}

BIONIC(fclose) int bionic_fclose(void *file) { return fclose(stream(file)); }
BIONIC(fflush) int bionic_fflush(void *file) { return fflush(file ? stream(file) : NULL); }
BIONIC(fputc) int bionic_fputc(int c, void *file) { return fputc(c, stream(file)); }
BIONIC(getc) int bionic_getc(void *file) { return getc(stream(file)); }
BIONIC(ungetc) int bionic_ungetc(int c, void *file) { return ungetc(c, stream(file)); }
BIONIC(fwrite) size_t bionic_fwrite(const void *p, size_t size, size_t n, void *file) {
  return fwrite(p, size, n, stream(file));
}
BIONIC(freopen) void *bionic_freopen(const char *path, const char *mode, void *file) {
  return freopen(path, mode, stream(file));
}
BIONIC(vfprintf) int bionic_vfprintf(void *file, const char *format, va_list values) {
  return vfprintf(stream(file), format, values);
}
BIONIC(fprintf) int bionic_fprintf(void *file, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int written = vfprintf(stream(file), format, values);
  va_end(values);
  return written;
}

// Names that glibc does not define, or does not define as functions.
BIONIC(__errno) int *bionic___errno(void) { return &errno; }
BIONIC(__strlen_chk) size_t bionic___strlen_chk(const char *text, size_t size) {
  size_t length = strlen(text);
  if (length >= size) abort();
  return length;
}
BIONIC(android_set_abort_message) void bionic_android_set_abort_message(const char *text) {
  fprintf(stderr, "abort: %s\n", text);
}
BIONIC(stat) int bionic_stat(const char *path, struct stat *status) { return stat(path, status); }
// Fork handlers are ignored, because no process that uses this library forks.
BIONIC(pthread_atfork) int bionic_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
  (void)prepare, (void)parent, (void)child;
  return 0;
}

// The POSIX version of strerror_r. With _GNU_SOURCE, glibc declares a different function under that name.
extern int __xpg_strerror_r(int, char *, size_t);
BIONIC(strerror_r) int bionic_strerror_r(int error, char *text, size_t size) {
  return __xpg_strerror_r(error, text, size);
}

// Android numbers these settings differently.
BIONIC(sysconf) long bionic_sysconf(int name) {
  switch (name) {
    case 0x27:
    case 0x28: return sysconf(_SC_PAGESIZE);
    case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return sysconf(_SC_PHYS_PAGES);
    case 0x63: return sysconf(_SC_AVPHYS_PAGES);
    default: errno = EINVAL; return -1;
  }
}

// A long double is an IEEE quadruple-precision number on Android, and an x87 extended-precision number here.
BIONIC(strtold) __float128 bionic_strtold(const char *text, char **end) { return strtold(text, end); }
BIONIC(strtold_l) __float128 bionic_strtold_l(const char *text, char **end, locale_t locale) {
  return strtold_l(text, end, locale);
}
BIONIC(wcstold) __float128 bionic_wcstold(const wchar_t *text, wchar_t **end) { return wcstold(text, end); }
BIONIC(nexttoward) double bionic_nexttoward(double x, __float128 y) { return nexttoward(x, (long double)y); }
BIONIC(nexttowardf) float bionic_nexttowardf(float x, __float128 y) { return nexttowardf(x, (long double)y); }
