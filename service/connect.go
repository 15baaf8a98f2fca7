package service

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// welcomeTimeout bounds the wait for a server to answer a client that introduces itself. retryInterval follows.
const (
	welcomeTimeout = 5 * time.Second
	retryInterval  = time.Second
)

// connect makes the rings and introduces the client to the server. If that fails while the server is there, it tries again.
func (k *conn[Req, Resp]) connect() {
	c := k.client
	err := k.introduce()
	c.mu.Lock()
	if err == nil && k.phase == connConnecting {
		k.phase = connReady
	}
	if err != nil && !c.closed && k.phase == connConnecting { // else the server has ended, or the connection has
		c.refusal = c.fail(k, &connectError{err}, "")
	}
	c.signal()
	c.mu.Unlock()
	if err == nil {
		return
	}
	k.fail(err)
	select {
	case <-time.After(retryInterval):
	case <-c.ctx.Done():
		return
	}
	k.mu.Lock()
	died := k.died
	k.mu.Unlock()
	if !died {
		c.found(k.announcement, k.info)
		c.endIfGone(k.announcement) // it may have ended while there was no connection
	}
}

func (k *conn[Req, Resp]) introduce() error {
	ctx, cancel := context.WithTimeout(k.client.ctx, welcomeTimeout)
	defer cancel()
	if err := k.makeRings(ctx); err != nil {
		return fmt.Errorf("make the rings: %w", err)
	}
	if err := k.mayAnswer(); err != nil {
		return err
	}
	// The server must not miss requests that other subscriptions, such as a recorder's, have taken.
	if err := k.requests.WaitSubscriberOf(ctx, k.info.Server.ID); err != nil {
		return noAnswer(err, k.client.differingSchemas(k.info))
	}
	if _, err := k.control.Publish(ctx, control{slot: helloSlot, requests: k.requests.ID().Number, number: uint64(len(k.slots))}.bytes()); err != nil {
		return err
	}
	failpoint.At("connect.hello")
	return k.awaitWelcome(ctx)
}

// mayAnswer returns a *registry.ForbiddenError if the policy does not let the server publish responses. The server has no other way to say so.
func (k *conn[Req, Resp]) mayAnswer() error {
	policy, err := registry.LoadPolicy(k.client.p.Dir())
	if err != nil {
		return err
	}
	return policy.AuthorizePublish(k.info.Server, topicOf(k.client.name, segmentResponse, k.requests.ID().String()))
}

func (k *conn[Req, Resp]) makeRings(ctx context.Context) (err error) {
	c, key := k.client, keyName(k.info.Key)
	k.depth = 1 << bits.Len(uint(len(k.slots)+sendRoom-1))
	requests, err := topic.NewPublisher(ctx, c.p, topicOf(c.name, segmentRequest, key), &topic.PublisherOptions[message[Req]]{
		Codec: c.requests, Depth: int(k.depth), MaxPayload: c.opts.MaxPayload, MemoryLimit: c.opts.MemoryLimit,
		NeverWaits: true, // there is room; a foreign subscription must not hold up calls
		KeepFor:    k.info.Server.ID,
		Volatile:   true,
	})
	if err != nil {
		return err
	}
	failpoint.At("connect.requests")
	responses, err := topic.NewSubscriber(ctx, c.p, topicOf(c.name, segmentResponse, requests.ID().String()), &topic.SubscriberOptions[message[Resp]]{
		Codec: c.responses, MaxHeld: maxHeld, Spin: subscriberSpin(c.opts.Spin), Ended: k.responsesEnded,
	})
	if err != nil {
		return errors.Join(err, requests.Close())
	}
	failpoint.At("connect.responses")
	names := make(map[uint32]string, len(k.slots)+1)
	for i := range k.slots {
		names[uint32(i)] = strconv.Itoa(i)
	}
	names[helloSlot] = "hello"
	control, err := topic.NewPublisher(ctx, c.p, topicOf(c.name, segmentControl, key), &topic.PublisherOptions[[]byte]{
		Codec: controlCodec(), MaxPayload: controlSize, MaxKeys: len(k.slots) + 1, NeverWaits: true,
		Key: func(b []byte) string { m, _ := parseControl(b); return names[m.slot] },
	})
	if err != nil {
		return errors.Join(err, responses.Close(), requests.Close())
	}
	failpoint.At("connect.control")
	k.mu.Lock()
	k.requests, k.responses, k.control = requests, responses, control
	k.poller = newPoller(responses, c.opts.Spin)
	failed := k.err
	k.mu.Unlock()
	if failed != nil {
		return errors.Join(failed, k.close()) // it failed before there were rings to close
	}
	return nil
}

// noAnswer is the error of a wait for the server that ended with err. other is a cause beside the usual ones.
func noAnswer(err error, other string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("it has not answered for %v: %sits process is stopped, or it has %d clients of this process or all that it can have", welcomeTimeout, other, maxOfProcess)
}

// awaitWelcome waits until the server is ready for requests.
func (k *conn[Req, Resp]) awaitWelcome(ctx context.Context) error {
	for {
		m, err := k.responses.Receive(ctx)
		if err != nil {
			return noAnswer(err, "")
		}
		var h Header
		err = m.Read(func(b []byte) (err error) {
			h, _, err = ParseHeader(b)
			return err
		})
		m.Release()
		if err == nil && h.Kind == KindWelcome && m.Publisher().Participant == k.info.Server.ID {
			return nil
		}
		if ctx.Err() != nil { // also while other messages come without an end
			return fmt.Errorf("it sends responses and does not take the client: %w", ctx.Err())
		}
	}
}
