// A replacement for Android's liblog.so, which prints warnings and errors to standard error.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WARN = 5 };

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
  if (priority < WARN) return 0;
  fprintf(stderr, "%s: ", tag);
  vfprintf(stderr, format, values);
  return fputc('\n', stderr);
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int written = __android_log_vprint(priority, tag, format, values);
  va_end(values);
  return written;
}

int __android_log_write(int priority, const char *tag, const char *text) {
  return __android_log_print(priority, tag, "%s", text);
}

void __android_log_assert(const char *condition, const char *tag, const char *format, ...) {
  fprintf(stderr, "%s: assertion failed: %s ", tag, condition ? condition : "");
  if (format) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
  }
  fputc('\n', stderr);
  abort();
}
