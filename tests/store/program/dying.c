/* Preloaded into the program: it is killed before the change to a file that has the number DIE_AT. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void step(void) {
    static atomic_long steps;
    const char *last = getenv("DIE_AT");
    if (last && atomic_fetch_add(&steps, 1) + 1 == atol(last)) {
        kill(getpid(), SIGKILL);
    }
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    step();
    return real(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    // What is told to people changes no file.
    if (fd > 2) {
        step();
    }
    return real(fd, bytes, count);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    step();
    return real(fd);
}

int fsync(int fd) {
    REAL(fsync);
    step();
    return real(fd);
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    step();
    return real(fd, length);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    step();
    return real(path, mode);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    step();
    return real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    step();
    return real(path);
}
