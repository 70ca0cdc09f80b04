// Android's libm.so and libdl.so: our libc.so holds their functions, so this file only provides the version.
__attribute__((visibility("default"))) int bionic_functions_are_in_libc;
