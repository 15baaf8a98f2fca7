// iceoryx poll|block|stream SIZE RATE MILLISECONDS: a publisher and a subscriber of iceoryx, each a process, beside a RouDi that
// runs already. Payloads are written and read in place.
//
//   poll    the subscriber looks all the time; the next message comes when it has the last one
//   block   it sleeps in a WaitSet, and RATE messages come per second
//   stream  as fast as it goes; the publisher waits where the subscriber falls behind (WAIT_FOR_CONSUMER, BLOCK_PRODUCER)
#include "iceoryx_posh/popo/untyped_publisher.hpp"
#include "iceoryx_posh/popo/untyped_subscriber.hpp"
#include "iceoryx_posh/popo/wait_set.hpp"
#include "iceoryx_posh/runtime/posh_runtime.hpp"

#include "measure.h" // last: its load and store are macros

struct head {
    uint64_t began, stamp, number;
};

struct page {
    uint64_t ready __attribute__((aligned(64)));
    uint64_t got __attribute__((aligned(64)));
    uint64_t began __attribute__((aligned(64)));
    uint64_t before;
};

static const uint64_t LAST = (uint64_t)1 << 63, WARM = 200;

static const iox::capro::ServiceDescription topic{"bench", "pair", "payload"};

static void wait_until(uint64_t *word, uint64_t value) {
    while (load(word) != value) nap(100000);
}

static int receive(struct page *page, bool block, bool stream, size_t size) {
    iox::runtime::PoshRuntime::initRuntime("bench-subscriber");
    iox::popo::SubscriberOptions options;
    options.queueCapacity = size > 4096 ? 8 : 256;
    if (stream) options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    iox::popo::UntypedSubscriber subscriber{topic, options};
    iox::popo::WaitSet<1> waitset;
    if (block && waitset.attachState(subscriber, iox::popo::SubscriberState::HAS_DATA).has_error()) die("attachState");
    while (subscriber.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) nap(1000000);
    store(&page->ready, 1);

    struct delays d = delays_new(stream ? 1 : 1 << 21), totals = delays_new(stream ? 1 : 1 << 21);
    volatile uint64_t read = 0;
    for (uint64_t expected = 0;;) {
        if (block) waitset.wait();
        bool last = false;
        for (bool more = true; more && !last;) {
            more = false;
            subscriber.take().and_then([&](const void *payload) {
                more = true;
                const struct head *h = (const struct head *)payload;
                read += sum(payload, size);
                uint64_t number = h->number & ~LAST, now = stream ? 0 : now_ns();
                if (!stream && number > WARM) {
                    delays_add(&d, now - h->stamp);
                    delays_add(&totals, now - h->began);
                }
                last = h->number & LAST;
                subscriber.release(payload);
                if (number != ++expected) {
                    fprintf(stderr, "message %llu came instead of %llu\n", (unsigned long long)number, (unsigned long long)expected);
                    exit(1);
                }
                if (!stream) store(&page->got, number);
            });
        }
        if (!last) continue;
        if (stream) {
            rate_print(expected - load(&page->before), size, now_ns() - load(&page->began));
        } else {
            delays_print(&d, &totals);
        }
        fflush(stdout);
        return 0;
    }
}

static void send(struct page *page, bool stream, size_t size, double rate, uint64_t ns) {
    iox::runtime::PoshRuntime::initRuntime("bench-publisher");
    iox::popo::PublisherOptions options;
    if (stream) options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    iox::popo::UntypedPublisher publisher{topic, options};
    wait_until(&page->ready, 1);
    struct pace pace = pace_of(rate);
    uint64_t warm = now_ns() + (stream ? ns / 5 : 0), end = warm + ns;
    bool warming = true, last = false;
    for (uint64_t number = 1; !last; number++) {
        pace_wait(&pace);
        uint64_t now = !stream || number % 32 == 0 || size > 4096 ? now_ns() : 0;
        if (warming && now >= warm && now > 0) {
            warming = false;
            store(&page->before, number - 1);
            store(&page->began, now);
        }
        last = now > end && number > 2 * WARM;
        uint64_t began = stream ? 0 : now_ns();
        publisher.loan((uint32_t)size)
            .and_then([&](void *payload) {
                struct head *h = (struct head *)payload;
                memset(payload, 0x5a, size);
                h->began = began;
                h->number = number | (last ? LAST : 0);
                if (!stream) h->stamp = now_ns();
                publisher.publish(payload);
            })
            .or_else([](auto &) {
                fprintf(stderr, "there is no memory to loan\n");
                exit(1);
            });
        if (!stream && rate == 0) {
            while (load(&page->got) != number) relax();
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    bool block = !strcmp(argv[1], "block"), stream = !strcmp(argv[1], "stream");
    size_t size = strtoull(argv[2], NULL, 10);
    struct page *page = (struct page *)shared(sizeof *page);
    pid_t p = second(); // before there is a runtime, which a fork would break
    if (p == 0) return receive(page, block, stream, size);
    send(page, stream, size, atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
    return finish(p);
}
