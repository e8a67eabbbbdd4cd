/*
 * Preloaded into a broker: counts its calls of fdatasync, fsync and syncfs in the first eight bytes of SYNC_METER_FILE
 * (native order), and makes each one slower by SYNC_METER_DELAY_US, as on a disk that is slower than this machine's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int);

static _Atomic unsigned long long *count;
static struct timespec delay;

__attribute__((constructor)) static void prepare(void) {
  const char *file = getenv("SYNC_METER_FILE");
  const char *us = getenv("SYNC_METER_DELAY_US");
  long micros = us == NULL ? 0 : atol(us);
  delay.tv_sec = micros / 1000000;
  delay.tv_nsec = micros % 1000000 * 1000;
  int fd = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) count = page;
  close(fd);
}

static int metered(const char *name, int fd) {
  sync_call real = (sync_call)dlsym(RTLD_NEXT, name);
  if (count != NULL) atomic_fetch_add(count, 1);
  if (delay.tv_sec > 0 || delay.tv_nsec > 0) nanosleep(&delay, NULL);
  return real(fd);
}

int fdatasync(int fd) { return metered("fdatasync", fd); }
int fsync(int fd) { return metered("fsync", fd); }
int syncfs(int fd) { return metered("syncfs", fd); }
