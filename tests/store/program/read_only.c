/* Preloaded into the program: a file system that is mounted read-only.
 *
 * READ_ONLY names the folder that it begins at. Whatever would change something there gets EROFS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static int is_there(const char *path) {
    const char *folder = getenv("READ_ONLY");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int would_change(const char *path, int flags) {
    return is_there(path) && ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)));
}

#define REFUSE(condition)                                                                                              \
    if (condition) {                                                                                                   \
        errno = EROFS;                                                                                                 \
        return -1;                                                                                                     \
    }

int open64(const char *path, int flags, ...) {
    REFUSE(would_change(path, flags));
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    REFUSE(is_there(path));
    return ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, mode);
}

int rename(const char *from, const char *to) {
    REFUSE(is_there(from) || is_there(to));
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}

int unlink(const char *path) {
    REFUSE(is_there(path));
    return ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(path);
}
