// redis SOCKET SIZE RATE MILLISECONDS: PUBLISH and SUBSCRIBE of a Redis server at a Unix socket, with its own C client. As fast as it
// goes (RATE 0) means 64 commands at a time.
#include "pair.h"
#include <hiredis/hiredis.h>

enum { PIPELINE = 64 };

static const char *path;
static redisContext *server;
static int together = 1, waiting;

static void broken(const char *what) {
    fprintf(stderr, "%s: %s\n", what, server && server->err ? server->errstr : "an answer that was not expected");
    exit(1);
}

static void dial(void) {
    server = redisConnectUnix(path);
    if (server == NULL || server->err) broken("connect");
}

static redisReply *answer(void) {
    void *r;
    if (redisGetReply(server, &r) != REDIS_OK || ((redisReply *)r)->type == REDIS_REPLY_ERROR) broken("answer");
    return r;
}

static void open_sender(size_t size) {
    (void)size;
    dial();
}

static void open_receiver(size_t size) {
    (void)size;
    dial();
    if (redisAppendCommand(server, "SUBSCRIBE bench") != REDIS_OK) broken("SUBSCRIBE");
    freeReplyObject(answer());
}

static void flush(void) {
    for (; waiting > 0; waiting--) freeReplyObject(answer());
}

static void send_message(const void *b, size_t size) {
    if (redisAppendCommand(server, "PUBLISH bench %b", b, size) != REDIS_OK) broken("PUBLISH");
    if (++waiting >= together) flush();
}

static void receive_message(void *b, size_t size) {
    redisReply *r = answer();
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 || r->element[2]->len != size) broken("message");
    memcpy(b, r->element[2]->str, size);
    freeReplyObject(r);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    path = argv[1];
    double rate = atof(argv[3]);
    if (rate == 0) together = PIPELINE;
    struct transport t = {open_sender, open_receiver, send_message, flush, receive_message, 16384};
    return run(&t, strtoull(argv[2], NULL, 10), rate, strtoull(argv[4], NULL, 10) * 1000000u);
}
