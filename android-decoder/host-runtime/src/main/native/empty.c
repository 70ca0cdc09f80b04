// Android's libm.so and libdl.so: our libc.so contains their functions, so this file provides only the version.
__attribute__((visibility("default"))) int bionic_functions_are_in_libc;
