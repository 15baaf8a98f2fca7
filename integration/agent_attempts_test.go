//go:build linux

package integration

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// attemptResult is what came of one call of the API.
type attemptResult struct {
	agentReply
	Want              string // "" or what there was none of: "space", "memory", "files", "places"
	Needed, Available int64  // bytes, for space and memory
	Text              string // of the error
	Stamp             int64
	Size              int
	PID               int
}

// attemptRole executes the commands of agentRole and more, and reports what an application can read from each error.
func attemptRole([]string) error {
	o := &attemptAgent{agent: newAgent(), loans: map[string]topic.Loan{}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var a attemptResult
		err := o.attempt(strings.Fields(lines.Text()), &a)
		a.Err = classifyError(err)
		a.classify(err)
		if err := report(a); err != nil {
			return err
		}
	}
	if o.p != nil {
		return o.p.Close()
	}
	return nil
}

// classify finds the type of an error, as an application would.
func (a *attemptResult) classify(err error) {
	if err == nil {
		return
	}
	a.Text = err.Error()
	var room *shmtransport.NoSpaceError
	var space *registry.SpaceError
	var memory *registry.MemoryError
	if errors.As(err, &room) {
		a.Needed, a.Available = room.Needed, room.Available
	}
	switch {
	case errors.As(err, &space):
		a.Want = "space"
		if room == nil {
			a.Needed, a.Available = space.Needed, space.Available
		}
	case errors.As(err, &memory):
		a.Want = "memory"
		if room == nil {
			a.Needed, a.Available = memory.Needed, memory.Available
		}
	case errors.Is(err, syscall.EMFILE):
		a.Want = "files"
	case errors.As(err, new(*registry.LimitError)), errors.As(err, new(*shmtransport.LimitError)):
		a.Want = "places"
	}
}

type attemptAgent struct {
	*agent
	loans   map[string]topic.Loan
	payload []byte
}

// bytes is a payload, of memory that there is already if it was prepared.
func (o *attemptAgent) bytes(n int) []byte {
	if n > len(o.payload) {
		o.payload = make([]byte, n)
	}
	return o.payload[:n]
}

func (o *attemptAgent) attempt(words []string, a *attemptResult) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	name := ""
	if len(words) > 1 {
		name = words[1]
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(words[i])
		return n
	}
	switch words[0] {
	case "deep": // NAME TOPIC DEPTH
		pub, err := topic.NewPublisher(ctx, o.p, words[2], &topic.PublisherOptions[[]byte]{Depth: number(3)})
		if err == nil {
			o.pubs[name] = pub
		}
		return err
	case "latch": // NAME TOPIC
		pub, err := topic.NewPublisher(ctx, o.p, words[2], &topic.PublisherOptions[[]byte]{Latched: true})
		if err == nil {
			o.pubs[name] = pub
		}
		return err
	case "past": // NAME PATTERN HISTORY
		sub, err := topic.NewSubscriber(ctx, o.p, words[2], &topic.SubscriberOptions[[]byte]{History: number(3)})
		if err == nil {
			o.subs[name] = sub
		}
		return err
	case "lend": // NAME SIZE
		loan, err := o.pubs[name].Loan(ctx, number(2))
		if err == nil {
			o.loans[name] = loan
		}
		return err
	case "prepare": // SIZE
		o.bytes(number(1))
		return nil
	case "send": // NAME N SIZE
		for range number(2) {
			if _, err := o.pubs[name].Publish(ctx, o.bytes(number(3))); err != nil {
				return err
			}
			a.Received++
		}
		return nil
	case "commit": // NAME
		_, err := o.loans[name].Commit(ctx, len(o.loans[name].Bytes()))
		return err
	case "parts": // NAME SIZE
		b := o.bytes(number(2) / 2)
		_, err := o.pubs[name].PublishV(ctx, b, b)
		return err
	case "batch": // NAME N SIZE
		values := make([][]byte, number(2))
		for i := range values {
			values[i] = o.bytes(number(3))
		}
		n, err := o.pubs[name].PublishBatch(ctx, values)
		a.Received = uint64(n)
		return err
	case "noise": // NAME N SIZE: of bytes that do not compress
		b := make([]byte, number(3))
		for range number(2) {
			rand.Read(b)
			if _, err := o.pubs[name].Publish(ctx, b); err != nil {
				return err
			}
		}
		return nil
	case "drain": // NAME N: in batches
		buf := make([]topic.Sample[[]byte], number(2))
		for int(a.Received+a.Lost) < len(buf) {
			n, err := o.subs[name].ReceiveBatch(ctx, buf)
			if err != nil {
				return err
			}
			for _, s := range buf[:n] {
				a.Received++
				a.Lost += s.Lost()
				a.Size = len(s.Bytes())
				s.Release()
			}
		}
		return nil
	case "latest": // NAME
		s, ok, _ := o.subs[name].Latest()
		if !ok {
			return errors.New("there is none")
		}
		a.Size = len(s.Bytes())
		s.Release()
		return nil
	case "stamp": // NAME: of the next sample
		s, err := o.subs[name].Receive(ctx)
		if err != nil {
			return err
		}
		defer s.Release()
		a.Stamp, a.Lost, a.At = int64(s.Stamp()), s.Lost(), clock.New().Now()
		return nil
	case "none": // NAME: there is no sample now
		if s, ok, _ := o.subs[name].TryReceive(); ok {
			defer s.Release()
			return fmt.Errorf("sample %d is there, %d were lost", s.Sequence(), s.Lost())
		}
		return nil
	case "now":
		a.Stamp = clock.New().Now()
		return nil
	case "maps": // N bytes more than there are now may be mapped; -1: no limit
		return limitMaps(number(1))
	case "nofiles": // no descriptor more than there are now
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return err
		}
		limit.Cur = 0 // what is open stays open
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	case "record": // PATH: until the disk is full
		_, err := record.Record(ctx, o.p, name, nil)
		return err
	case "spawn": // HOW: a program that outlives this one
		pid, err := spawn(name)
		a.PID = pid
		return err
	case "pid":
		a.PID = os.Getpid()
		return nil
	}
	return o.execute(words, &a.agentReply)
}

// limitMaps lets this process map so much more than it has now.
func limitMaps(more int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if more >= 0 {
		statm, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			return err
		}
		pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
		if err != nil {
			return err
		}
		limit.Cur = pages*uint64(os.Getpagesize()) + uint64(more)
	}
	return syscall.Setrlimit(syscall.RLIMIT_AS, &limit)
}
