/* Preloaded into the daemon: a disk that is full, or whose syncs fail, from the moment at which a file appears.
 *
 * FAULTY_DISK names that file; it holds ENOSPC (writes fail), EIO (syncs fail) or HANG (syncs do not come back).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define HANG (-1)

static int fault(void) {
    const char *path = getenv("FAULTY_DISK");
    char word[8] = "";
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) {
        return 0;
    }
    if (!fgets(word, sizeof word, file)) {
        word[0] = 0;
    }
    fclose(file);
    return strcmp(word, "ENOSPC") == 0 ? ENOSPC : strcmp(word, "EIO") == 0 ? EIO : strcmp(word, "HANG") == 0 ? HANG : 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) {
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    }
    if (fault() == ENOSPC) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, count, offset);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    }
    while (fault() == HANG) {
        usleep(10 * 1000);
    }
    if (fault() == EIO) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}
