/* Preloaded beneath a journal: writes down, in order, what reaches the disk and what only might.
 *
 * POWER_RECORD names the file to write to. Entries, little-endian:
 *   'W' offset u64 length u32 bytes    a write to `db` has returned
 *   'B'                                a sync of `db` begins
 *   'S'                                that sync has returned
 *   'A' length u32 bytes               something was acknowledged (a write to a file that ends with `.acks`)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int ends_with(int fd, const char *ending) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    size_t tail = strlen(ending);
    return (size_t)length >= tail && strcmp(path + length - tail, ending) == 0;
}

/* The log's file; the index is never synced, and found again from the log. */
static int is_log(int fd) { return ends_with(fd, "/db") && !ends_with(fd, "/index/db"); }

static void record(const void *head, size_t head_length, const void *bytes, size_t length) {
    static int out = -1;
    pthread_mutex_lock(&lock);
    if (out < 0) {
        out = open(getenv("POWER_RECORD"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (write(out, head, head_length) != (ssize_t)head_length || (length && write(out, bytes, length) != (ssize_t)length)) {
        abort();
    }
    pthread_mutex_unlock(&lock);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    ssize_t written = real(fd, bytes, count, offset);
    if (written <= 0) {
        return written;
    }
    uint32_t length = (uint32_t)written;
    uint64_t place = (uint64_t)offset;
    char head[13] = "W";
    if (is_log(fd)) {
        memcpy(head + 1, &place, 8);
        memcpy(head + 9, &length, 4);
        record(head, 13, bytes, length);
    } else if (ends_with(fd, ".acks")) {
        head[0] = 'A';
        memcpy(head + 1, &length, 4);
        record(head, 5, bytes, length);
    }
    return written;
}

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int is_db = is_log(fd);
    if (is_db) {
        record("B", 1, NULL, 0);
    }
    int result = real(fd);
    if (is_db && result == 0) {
        record("S", 1, NULL, 0);
    }
    return result;
}

int fdatasync(int fd) { return synced("fdatasync", fd); }

int fsync(int fd) { return synced("fsync", fd); }
