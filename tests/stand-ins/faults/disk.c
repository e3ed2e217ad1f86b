/* A disk that fails when it is told to: preloaded into a process, it stands before the C library's calls that change files.
 * A *change* is a call that writes, syncs, cuts, makes, renames, links or removes below one folder. Changes are counted, and
 * those whose number lies between two numbers fail, or the process is killed before (or half-way through) one of them; the
 * count is shared by all processes that were chosen.
 *
 *   TEST_DISK_BELOW    the folder
 *   TEST_DISK_ROLES    who is met, by commas: the first argument of the program, for a worker with its slot (`worker-1`)
 *                      or without (`worker`, all of them)
 *   TEST_DISK_CONTROL  a file that holds a `struct control`
 *
 * It does not fail reads, and it never reaches an agent: in a gate or a check it takes itself out of the environment.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    uint64_t count;  /* changes so far */
    uint64_t from;   /* the first that fails; 0: none */
    uint64_t to;     /* the last that fails */
    uint64_t number; /* with this errno */
    uint64_t torn;   /* 1: the first that fails is half done, if it writes */
    uint64_t kills;  /* 1: who makes the first that fails is ended there by SIGKILL */
    uint64_t steps;  /* 1: one more write to the file that was written to last does not count */
    uint64_t failed; /* how many have failed */
    uint64_t call;   /* which call failed first, see `enum call` */
    char path[256];  /* and on what */
};

enum call { OPEN = 1, WRITE, SYNC, CUT, TAKE, RENAME, LINK, MKDIR, UNLINK };

static struct control *control;
static char below[PATH_MAX];
static size_t below_length;
/* What was asked about last. */
static __thread char met[256];

/* On macOS /tmp is /private/tmp; either may be said. */
static const char *plain(const char *path) {
    return strncmp(path, "/private/", 9) == 0 ? path + 8 : path;
}

static int is_below(const char *path) {
    if (!control || !path) return 0;
    path = plain(path);
    if (strncmp(path, below, below_length) != 0 || (path[below_length] != '/' && path[below_length] != 0)) return 0;
    strncpy(met, path, sizeof met - 1);
    return 1;
}

static int file_is_below(int file) {
    char path[PATH_MAX];
    if (!control) return 0;
#ifdef __APPLE__
    if (fcntl(file, F_GETPATH, path) != 0) return 0;
#else
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
#endif
    return is_below(path);
}

static int is_below_at(int folder, const char *path) {
    if (!control || !path) return 0;
    return path[0] == '/' || folder == AT_FDCWD ? is_below(path) : file_is_below(folder);
}

/* As `kill -9` from outside: nothing of this process runs any more. */
static void ends(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a change: 0 when it may go on, 1 when it fails with `errno` set, 2 when half of it is to be done. */
static int fails(enum call call) {
    static __thread char last[sizeof met];
    int more = call == WRITE && strcmp(last, met) == 0;
    strcpy(last, call == WRITE ? met : "");
    if (control->steps && more) return 0;
    uint64_t number = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
    uint64_t from = __atomic_load_n(&control->from, __ATOMIC_SEQ_CST);
    if (from == 0 || number < from || number > __atomic_load_n(&control->to, __ATOMIC_SEQ_CST)) return 0;
    if (__atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST) == 0) {
        memcpy(control->path, met, sizeof met);
        __atomic_store_n(&control->call, call, __ATOMIC_SEQ_CST);
    }
    int half = control->torn && number == from && call == WRITE;
    if (control->kills && !half) ends();
    errno = (int)control->number;
    return half ? 2 : 1;
}

/* Whether half of it is to be done; of a single part there is no half. */
static int halves(int how, size_t length) {
    if (how == 2 && length > 1) return 1;
    if (how == 2 && control->kills) ends();
    return 0;
}

/* What a write that was half done answers, unless nobody is left to hear it. */
static ssize_t halved(ssize_t done) {
    if (control->kills) ends();
    return done;
}

#ifdef __APPLE__
#define OURS(name) disk_##name
#define REAL(type, name, ...) type (*real)(__VA_ARGS__) = name
#else
#define OURS(name) name
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)
#endif

ssize_t OURS(write)(int file, const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    int how = file_is_below(file) ? fails(WRITE) : 0;
    if (halves(how, length)) return halved(real(file, bytes, length / 2));
    return how ? -1 : real(file, bytes, length);
}

ssize_t OURS(pwrite)(int file, const void *bytes, size_t length, off_t at) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    int how = file_is_below(file) ? fails(WRITE) : 0;
    if (halves(how, length)) return halved(real(file, bytes, length / 2, at));
    return how ? -1 : real(file, bytes, length, at);
}

ssize_t OURS(writev)(int file, const struct iovec *parts, int many) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    int how = file_is_below(file) ? fails(WRITE) : 0;
    if (halves(how, (size_t)many)) return halved(real(file, parts, many / 2));
    return how ? -1 : real(file, parts, many);
}

#define ON_FILE(name, call, parameters, arguments)                                                                     \
    int OURS(name) parameters {                                                                                        \
        REAL_OF_##name;                                                                                                \
        return file_is_below(file) && fails(call) ? -1 : real arguments;                                               \
    }
#define REAL_OF_fsync REAL(int, fsync, int)
#define REAL_OF_fdatasync REAL(int, fdatasync, int)
#define REAL_OF_ftruncate REAL(int, ftruncate, int, off_t)
ON_FILE(fsync, SYNC, (int file), (file))
ON_FILE(ftruncate, CUT, (int file, off_t length), (file, length))

int OURS(rename)(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return is_below(to) && fails(RENAME) ? -1 : real(from, to);
}

int OURS(linkat)(int from_folder, const char *from, int folder, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    return is_below_at(folder, to) && fails(LINK) ? -1 : real(from_folder, from, folder, to, flags);
}

int OURS(symlink)(const char *from, const char *to) {
    REAL(int, symlink, const char *, const char *);
    return is_below(to) && fails(LINK) ? -1 : real(from, to);
}

int OURS(mkdir)(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return is_below(path) && fails(MKDIR) ? -1 : real(path, mode);
}

/* A full disk removes files as ever. */
static int may_fail(void) {
    return control->number == EIO || control->kills;
}

int OURS(unlink)(const char *path) {
    REAL(int, unlink, const char *);
    return is_below(path) && may_fail() && fails(UNLINK) ? -1 : real(path);
}

int OURS(unlinkat)(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return is_below_at(folder, path) && may_fail() && fails(UNLINK) ? -1 : real(folder, path, flags);
}

int OURS(rmdir)(const char *path) {
    REAL(int, rmdir, const char *);
    return is_below(path) && may_fail() && fails(UNLINK) ? -1 : real(path);
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if (flags & O_CREAT) {                                                                                             \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = (mode_t)va_arg(more, int);                                                                              \
        va_end(more);                                                                                                  \
    }

/* Only an open that really makes or empties a file changes anything. */
static int changes(const char *path, int flags) {
    return (flags & O_TRUNC) || ((flags & O_CREAT) && access(path, F_OK) != 0);
}

#define OPEN_LIKE(name)                                                                                                \
    int OURS(name)(const char *path, int flags, ...) {                                                                 \
        MODE(flags)                                                                                                    \
        REAL(int, name, const char *, int, ...);                                                                       \
        int saved = errno;                                                                                             \
        if (is_below(path) && changes(path, flags) && fails(OPEN)) return -1;                                          \
        errno = saved;                                                                                                 \
        return real(path, flags, mode);                                                                                \
    }
OPEN_LIKE(open)

#ifndef __APPLE__
ON_FILE(fdatasync, SYNC, (int file), (file))
OPEN_LIKE(open64)

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    int how = file_is_below(file) ? fails(WRITE) : 0;
    if (halves(how, length)) return halved(real(file, bytes, length / 2, at));
    return how ? -1 : real(file, bytes, length, at);
}

#define REAL_OF_ftruncate64 REAL(int, ftruncate64, int, off64_t)
#define REAL_OF_fallocate REAL(int, fallocate, int, int, off_t, off_t)
#define REAL_OF_fallocate64 REAL(int, fallocate64, int, int, off64_t, off64_t)
ON_FILE(ftruncate64, CUT, (int file, off64_t length), (file, length))
ON_FILE(fallocate, TAKE, (int file, int mode, off_t at, off_t length), (file, mode, at, length))
ON_FILE(fallocate64, TAKE, (int file, int mode, off64_t at, off64_t length), (file, mode, at, length))

/* These answer with the number, and leave errno alone. */
int posix_fallocate(int file, off_t at, off_t length) {
    REAL(int, posix_fallocate, int, off_t, off_t);
    return file_is_below(file) && fails(TAKE) ? errno : real(file, at, length);
}
int posix_fallocate64(int file, off64_t at, off64_t length) {
    REAL(int, posix_fallocate64, int, off64_t, off64_t);
    return file_is_below(file) && fails(TAKE) ? errno : real(file, at, length);
}

ssize_t copy_file_range(int from, off64_t *from_at, int file, off64_t *at, size_t length, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    return file_is_below(file) && fails(WRITE) ? -1 : real(from, from_at, file, at, length, flags);
}
#else
#define INTERPOSED(name)                                                                                               \
    __attribute__((used)) static const struct { const void *ours, *theirs; } interposed_##name                         \
        __attribute__((section("__DATA,__interpose"))) = {(const void *)OURS(name), (const void *)name};
INTERPOSED(write) INTERPOSED(pwrite) INTERPOSED(writev) INTERPOSED(fsync) INTERPOSED(ftruncate) INTERPOSED(rename)
INTERPOSED(linkat) INTERPOSED(symlink) INTERPOSED(mkdir) INTERPOSED(unlink)
INTERPOSED(unlinkat) INTERPOSED(rmdir) INTERPOSED(open)
#endif

/* Whether this process is one of those in `list`. */
static int is_chosen(const char *list, int count, char **arguments) {
    const char *role = count > 1 ? arguments[1] : "";
    const char *slot = NULL;
    for (int n = 2; n + 1 < count; n++)
        if (strcmp(arguments[n], "--slot") == 0) slot = arguments[n + 1];
    char full[64];
    snprintf(full, sizeof full, "%s-%s", role, slot ? slot : "");
    char copy[256];
    snprintf(copy, sizeof copy, "%s", list);
    char *rest = NULL;
    for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
        if (strcmp(one, role) == 0 || (slot && strcmp(one, full) == 0)) return 1;
    return 0;
}

__attribute__((constructor)) static void begin(int count, char **arguments) {
    const char *folder = getenv("TEST_DISK_BELOW"), *roles = getenv("TEST_DISK_ROLES"), *path = getenv("TEST_DISK_CONTROL");
    if (folder && roles && path && is_chosen(roles, count, arguments)) {
        snprintf(below, sizeof below, "%s", plain(folder));
        below_length = strlen(below);
        int file = open(path, O_RDWR | O_CLOEXEC);
        void *shared = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        if (shared == MAP_FAILED) {
            static const char words[] = "the failing disk has no control file\n";
            if (write(2, words, sizeof words - 1)) _exit(99);
        }
        control = shared;
    }
    if (count > 1 && (strcmp(arguments[1], "gate") == 0 || strcmp(arguments[1], "check") == 0)) {
        const char *names[] = {"LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "TEST_DISK_BELOW", "TEST_DISK_ROLES", "TEST_DISK_CONTROL"};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) unsetenv(names[n]);
    }
}
