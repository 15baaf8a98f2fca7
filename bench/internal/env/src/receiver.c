// receiver is the receiver of "shmperf floor futex --receiver": a thread of C in FUTEX_WAIT under the publisher in Go that shmbus is
// measured with. Its request is a line of JSON on standard input, its replies are lines on standard output, and the words that both
// processes change are on the page of the measurement (cmd/shmperf/internal/harness/page.go).
#include "measure.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { LAST = 0, SIGNAL = 128, RECEIVER = 256, SIZE = 4096 };

struct signal {
    uint32_t number;
    uint64_t stamp __attribute__((aligned(8)));
};

struct words {
    uint32_t warm;
    uint64_t done __attribute__((aligned(8)));
    uint64_t delay;
};

static const char *after(const char *request, const char *key) {
    const char *p = strstr(request, key);
    if (p == NULL) die(key);
    return p + strlen(key);
}

static unsigned char *page(const char *request) {
    static const char name[] = "/page";
    const char *dir = after(request, "\"dir\":\"");
    size_t n = strcspn(dir, "\"");
    char path[4096];
    if (n + sizeof name > sizeof path) die("path");
    memcpy(path, dir, n);
    memcpy(path + n, name, sizeof name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) die(path);
    void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED) die("mmap");
    close(fd);
    return (unsigned char *)p;
}

// cpu is the processor time of this process in seconds.
static double cpu(void) {
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r)) die("getrusage");
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int main(void) {
    char request[8192];
    if (fgets(request, sizeof request, stdin) == NULL) die("read the request");
    unsigned char *b = page(request);
    uint64_t warm = strtoull(after(request, "\"warm\":"), NULL, 10), *last = (uint64_t *)(b + LAST);
    struct signal *signal = (struct signal *)(b + SIGNAL);
    struct words *words = (struct words *)(b + RECEIVER);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct delays d = delays_new(1 << 20);
    printf("{\"ready\":true}\n");
    fflush(stdout);
    uint64_t now = 0;
    int warming = 1;
    double before = 0;
    for (uint32_t seen = 0;;) {
        uint32_t n = load(&signal->number);
        if (n == seen) {
            syscall(SYS_futex, &signal->number, FUTEX_WAIT, seen, NULL, NULL, 0);
            continue;
        }
        now = now_ns();
        uint64_t delay = now - signal->stamp;
        seen = n;
        delays_add(&d, delay);
        if (warming && n >= warm) {
            warming = 0;
            d.n = 0;
            before = cpu();
            store(&words->warm, 1);
        }
        words->delay = delay;
        store(&words->done, n);
        if (load(last) != 0 && n >= load(last)) break;
    }
    double used = cpu() - before;
    delays_sort(&d);
    printf("{\"count\":%zu,\"ended\":%llu,\"usage\":{\"cpu_s\":%.9f},\"delays\":{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"max\":%llu}}\n", d.n, (unsigned long long)now, used,
           (unsigned long long)d.v[d.n / 2], (unsigned long long)d.v[d.n * 9 / 10], (unsigned long long)d.v[d.n * 99 / 100],
           (unsigned long long)d.v[d.n * 999 / 1000], (unsigned long long)d.v[d.n - 1]);
    return 0;
}
