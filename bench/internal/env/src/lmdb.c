// lmdb DIRECTORY READERS MILLISECONDS: the last value of one key. One process puts a new value as fast as it goes, each in a
// transaction of its own; READERS processes get it as fast as they go, copy it out and see that it is one value and not parts of two.
#include "measure.h"
#include <lmdb.h>

enum { KEY = 16, VALUE = 100, MOST = 64 };

struct page {
    uint64_t ready __attribute__((aligned(64)));
    uint64_t end __attribute__((aligned(64)));
    struct {
        uint64_t reads, fresh, torn;
    } __attribute__((aligned(64))) reader[MOST];
};

static void check(int code, const char *what) {
    if (code == 0) return;
    fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
    exit(1);
}

static MDB_env *env;
static MDB_dbi dbi;
static char name[KEY] = "bench/last-value";

// A reader that has no processor in the middle of a read keeps pages from being used again: the map needs room for that.
static void open_env(const char *dir) {
    check(mdb_env_create(&env), "mdb_env_create");
    check(mdb_env_set_mapsize(env, (size_t)1 << 30), "mdb_env_set_mapsize");
    check(mdb_env_open(env, dir, MDB_NOSYNC | MDB_WRITEMAP, 0600), "mdb_env_open");
}

static void put(uint64_t number) {
    unsigned char value[VALUE];
    for (size_t i = 0; i < VALUE; i += 8) memcpy(value + i, &number, VALUE - i < 8 ? VALUE - i : 8);
    MDB_val k = {KEY, name}, v = {VALUE, value};
    MDB_txn *txn;
    check(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    if (number == 1) check(mdb_dbi_open(txn, NULL, 0, &dbi), "mdb_dbi_open");
    check(mdb_put(txn, dbi, &k, &v, 0), "mdb_put");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
}

static int whole(const unsigned char *value, uint64_t *number) {
    memcpy(number, value, 8);
    for (size_t i = 8; i < VALUE; i += 8)
        if (memcmp(value + i, number, VALUE - i < 8 ? VALUE - i : 8)) return 0;
    return 1;
}

static void get(const char *dir, struct page *b, int self) {
    open_env(dir);
    MDB_txn *txn;
    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, 0, &dbi), "mdb_dbi_open");
    mdb_txn_reset(txn);
    __atomic_fetch_add(&b->ready, 1, __ATOMIC_SEQ_CST);
    while (load(&b->end) == 0) nap(50000);
    uint64_t end = load(&b->end), reads = 0, fresh = 0, torn = 0, last = 0, number;
    for (;; reads++) {
        if (reads % 64 == 0 && now_ns() >= end) break;
        unsigned char value[VALUE];
        MDB_val k = {KEY, name}, v;
        check(mdb_txn_renew(txn), "mdb_txn_renew");
        check(mdb_get(txn, dbi, &k, &v), "mdb_get");
        memcpy(value, v.mv_data, VALUE);
        mdb_txn_reset(txn);
        torn += !whole(value, &number);
        fresh += number != last;
        last = number;
    }
    b->reader[self].reads = reads, b->reader[self].fresh = fresh, b->reader[self].torn = torn;
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int readers = atoi(argv[2]);
    uint64_t ns = strtoull(argv[3], NULL, 10) * 1000000u, updates = 0;
    if (readers < 1 || readers > MOST) return 2;
    struct page *b = shared(sizeof *b);
    pid_t all[MOST], writer = second();
    if (writer == 0) { // a process may not open an environment, fork, and use it in both
        open_env(argv[1]);
        put(1);
        store(&b->ready, 1);
        while (load(&b->end) == 0) nap(50000);
        uint64_t end = load(&b->end);
        for (;; updates++) {
            if (updates % 16 == 0 && now_ns() >= end) break;
            put(updates + 2);
        }
        mdb_env_close(env);
        store(&b->ready, updates);
        _exit(0);
    }
    while (load(&b->ready) == 0) {
        if (waitpid(writer, NULL, WNOHANG) == writer) return 1;
        nap(100000);
    }
    for (int i = 0; i < readers; i++) {
        if ((all[i] = second()) == 0) {
            get(argv[1], b, i);
            _exit(0);
        }
    }
    while (load(&b->ready) != (uint64_t)readers + 1) nap(100000);
    store(&b->end, now_ns() + ns);
    uint64_t reads = 0, fresh = 0, torn = 0;
    for (int i = 0; i < readers; i++) {
        if (finish(all[i])) return 1;
        reads += b->reader[i].reads, fresh += b->reader[i].fresh, torn += b->reader[i].torn;
    }
    if (finish(writer)) return 1;
    double s = (double)ns / 1e9;
    printf("{\"readers\":%d,\"reads_per_s\":%.1f,\"fresh_per_s\":%.1f,\"updates_per_s\":%.1f,\"torn\":%llu}\n", readers,
           (double)reads / s, (double)fresh / s, (double)load(&b->ready) / s, (unsigned long long)torn);
    return torn ? 1 : 0;
}
