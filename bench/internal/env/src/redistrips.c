// redistrips SOCKET SIZE RATE MILLISECONDS: two lists of a Redis server at a Unix socket, one for requests and one for responses. Each side
// takes from its list with BLPOP. The client sends its two commands at once.
#include "trips.h"
#include <hiredis/hiredis.h>

static const char *path;
static redisContext *server;

static void broken(const char *what) {
    fprintf(stderr, "%s: %s\n", what, server && server->err ? server->errstr : "an answer that was not expected");
    exit(1);
}

static void dial(size_t size) {
    (void)size;
    server = redisConnectUnix(path);
    if (server == NULL || server->err) broken("connect");
}

static redisReply *answer(void) {
    void *r;
    if (redisGetReply(server, &r) != REDIS_OK || ((redisReply *)r)->type == REDIS_REPLY_ERROR) broken("answer");
    return r;
}

static void popped(void *b, size_t size) {
    redisReply *r = answer();
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[1]->len != size) broken("BLPOP");
    memcpy(b, r->element[1]->str, size);
    freeReplyObject(r);
}

static void call(void *b, size_t size) {
    if (redisAppendCommand(server, "RPUSH requests %b", b, size) != REDIS_OK) broken("RPUSH");
    if (redisAppendCommand(server, "BLPOP responses 0") != REDIS_OK) broken("BLPOP");
    freeReplyObject(answer());
    popped(b, size);
}

static void take(void *b, size_t size) {
    if (redisAppendCommand(server, "BLPOP requests 0") != REDIS_OK) broken("BLPOP");
    popped(b, size);
}

static void reply(const void *b, size_t size) {
    if (redisAppendCommand(server, "RPUSH responses %b", b, size) != REDIS_OK) broken("RPUSH");
    freeReplyObject(answer());
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    path = argv[1];
    struct service s = {dial, dial, call, take, reply, NULL};
    return measure_calls(&s, strtoull(argv[2], NULL, 10), atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
}
