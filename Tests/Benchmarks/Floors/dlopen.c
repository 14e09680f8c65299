/* What dlopen(3) takes for a library that has just been linked, in microseconds: the floor that loading into a space is held against. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

/* So that libm is there, as it is in a space. */
double (*keep)(double) = trunc;

int main(int count, char **arguments) {
    struct timespec start, end;
    if (count != 2)
        return 64;
    clock_gettime(CLOCK_MONOTONIC, &start);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    printf("%ld\n", (end.tv_sec - start.tv_sec) * 1000000L + (end.tv_nsec - start.tv_nsec) / 1000L);
    return 0;
}
