/* Preloaded beneath a journal: writes down, in order, what reaches the disk and what only might.
 *
 * POWER_RECORD names the file to write to. Entries, little-endian:
 *   'W' offset u64 length u32 bytes    a write to `db` has returned
 *   'B'                                a sync of `db` begins
 *   'S'                                that sync has returned
 *   'w' name offset u64 length u32 bytes   the same of a file of the archive
 *   'b' name, 's' name                 a sync of it begins, and has returned
 *   'r' name name                      it was renamed
 *   'd', 'e'                           a sync of the archive's folder begins, and has returned
 *   'A' length u32 bytes               something was acknowledged (a write to a file that ends with `.acks`)
 * A name is a length u8 and as many bytes, without its folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t path_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    path[length < 0 ? 0 : length] = 0;
    return length < 0 ? 0 : (size_t)length;
}

static int ends_with(int fd, const char *ending) {
    char path[4096];
    size_t length = path_of(fd, path), tail = strlen(ending);
    return length >= tail && strcmp(path + length - tail, ending) == 0;
}

/* The name of a file of the archive, as an entry has it; 0 where it is none. */
static size_t archive_name(const char *path, char *out) {
    const char *found = strstr(path, "/archive/");
    if (!found) {
        return 0;
    }
    size_t length = strlen(found + 9);
    out[0] = (char)length;
    memcpy(out + 1, found + 9, length);
    return length + 1;
}

/* The log's file; the index is never synced, and found again from the log. */
static int is_log(int fd) { return ends_with(fd, "/db") && !ends_with(fd, "/index/db"); }

static void record(const void *head, size_t head_length, const void *bytes, size_t length) {
    static int out = -1;
    pthread_mutex_lock(&lock);
    if (out < 0) {
        out = open(getenv("POWER_RECORD"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    /* Past the functions below. */
    if (syscall(SYS_write, out, head, head_length) != (ssize_t)head_length ||
        (length && syscall(SYS_write, out, bytes, length) != (ssize_t)length)) {
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

ssize_t write(int fd, const void *bytes, size_t count) {
    char path[4096], head[300] = "w";
    off64_t offset = lseek64(fd, 0, SEEK_CUR);
    ssize_t written = syscall(SYS_write, fd, bytes, count);
    path_of(fd, path);
    size_t name = written > 0 && offset >= 0 ? archive_name(path, head + 1) : 0;
    if (name) {
        uint32_t length = (uint32_t)written;
        uint64_t place = (uint64_t)offset;
        memcpy(head + 1 + name, &place, 8);
        memcpy(head + 9 + name, &length, 4);
        record(head, name + 13, bytes, length);
    }
    return written;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    char head[600] = "r";
    int result = real(from, to);
    size_t name = result == 0 ? archive_name(from, head + 1) : 0;
    if (name) {
        record(head, 1 + name + archive_name(to, head + 1 + name), NULL, 0);
    }
    return result;
}

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char path[4096], begins[300] = "B", returned[300] = "S";
    size_t length = is_log(fd) ? 1 : 0;
    path_of(fd, path);
    if (ends_with(fd, "/archive")) {
        begins[0] = 'd', returned[0] = 'e', length = 1;
    } else if (strstr(path, "/archive/")) {
        begins[0] = 'b', returned[0] = 's';
        length = 1 + archive_name(path, begins + 1);
        archive_name(path, returned + 1);
    }
    if (length) {
        record(begins, length, NULL, 0);
    }
    int result = real(fd);
    if (length && result == 0) {
        record(returned, length, NULL, 0);
    }
    return result;
}

int fdatasync(int fd) { return synced("fdatasync", fd); }

int fsync(int fd) { return synced("fsync", fd); }
