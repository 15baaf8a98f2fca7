package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/shmbus/shmbus/bench/internal/proc"
	"github.com/shmbus/shmbus/bench/internal/trips"
)

// publish is the process with the server.
func publish(ctx context.Context, o options) error {
	if o.size < headSize {
		return fmt.Errorf("a payload of %d bytes has no room for a stamp: at least %d", o.size, headSize)
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(5 * time.Second) {
		return errors.New("the server does not start")
	}
	c, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return err
	}
	defer c.Close()
	subscribed, err := c.SubscribeSync(ready)
	if err != nil {
		return err
	}
	var got atomic.Uint64
	if _, err = c.Subscribe(acks, func(m *nats.Msg) { got.Store(binary.LittleEndian.Uint64(m.Data)) }); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	other, err := proc.Start(ctx, "", nil, self, "-subscribe", s.ClientURL(), "-size", strconv.Itoa(o.size),
		"-rate", strconv.FormatFloat(o.rate, 'g', -1, 64), "-duration", o.duration.String(), "-requests="+strconv.FormatBool(o.requests))
	if err != nil {
		return err
	}
	defer other.Stop()
	if _, err := subscribed.NextMsgWithContext(ctx); err != nil {
		return err
	}
	if o.requests {
		return o.request(ctx, c)
	}
	if err := o.send(ctx, c, &got); err != nil {
		return err
	}
	out, err := other.Wait()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

func (o options) send(ctx context.Context, c *nats.Conn, got *atomic.Uint64) error {
	b := make([]byte, o.size)
	end, next := time.Now().Add(o.duration+o.duration/5), time.Now()
	for n := uint64(1); ; n++ {
		if o.rate > 0 {
			next = trips.Until(next, time.Duration(float64(time.Second)/o.rate))
		}
		for n > got.Load()+window {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			trips.Nap(20 * time.Microsecond)
		}
		flag := uint64(0)
		if (o.rate > 0 || n%64 == 0) && n > 2*warm && time.Now().After(end) {
			flag = last
		}
		setHead(b, now(), n|flag)
		if err := c.Publish(data, b); err != nil {
			return err
		}
		if flag != 0 {
			return c.Flush()
		}
	}
}
