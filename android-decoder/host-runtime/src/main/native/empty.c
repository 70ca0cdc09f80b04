// Android's libm.so and libdl.so: their functions are in our libc.so, so all that is here is the version.
__attribute__((visibility("default"))) int bionic_functions_are_in_libc;
