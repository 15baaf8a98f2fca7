package metrics

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/topic"
)

func join(t *testing.T) *topic.Participant {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := topic.Join(&topic.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func vehicle() *proc.Root {
	r := proc.At(os.DirFS("../proc/testdata/vehicle"))
	return &r
}

func TestTheReportIsWhatASubscriberReceives(t *testing.T) {
	p := join(t)
	sub, err := topic.NewSubscriber[[]byte](t.Context(), p, "**", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	ctx, stop := context.WithCancel(t.Context())
	received := make(chan map[string]uint64)
	go func() {
		counts := make(map[string]uint64)
		d := NewDescriber()
		take := func(s topic.Sample[[]byte]) {
			counts[s.Topic()]++
			if s.Sequence() != counts[s.Topic()] || s.Lost() != 0 {
				t.Errorf("%s: sequence %d is number %d, %d lost", s.Topic(), s.Sequence(), counts[s.Topic()], s.Lost())
			}
			if _, err := d.Describe(s.Topic(), s.Bytes()); err != nil {
				t.Errorf("%s: %v", s.Topic(), err)
			}
			s.Release()
		}
		for s, err := sub.Receive(ctx); err == nil; s, err = sub.Receive(ctx) {
			take(s)
		}
		for s, ok, err := sub.TryReceive(); ok || err != nil; s, ok, err = sub.TryReceive() {
			if err != nil {
				t.Error(err)
				break
			}
			take(s)
		}
		received <- counts
	}()

	report, err := Run(t.Context(), p, &Options{Root: vehicle(), Duration: time.Second / 2, Rate: 2, Subscribers: 1})
	stop()
	counts := <-received
	if err != nil {
		t.Fatal(err)
	}
	var total uint64
	for _, r := range report.Topics {
		if r.Messages == 0 || counts[r.Topic] != r.Messages {
			t.Errorf("%s: %d published, %d received", r.Topic, r.Messages, counts[r.Topic])
		}
		if turns := uint64(r.Nominal / 2); r.Messages+r.Missed != turns {
			t.Errorf("%s: %d published and %d missed in half a second at %v Hz", r.Topic, r.Messages, r.Missed, r.Nominal)
		}
		total += r.Messages
	}
	if len(report.Topics) != 16 || report.Messages != total {
		t.Errorf("%d topics, %d messages in all, %d in sum", len(report.Topics), report.Messages, total)
	}
}

func TestRun_EndOfContext(t *testing.T) {
	t.Run("while publishing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		report, err := Run(ctx, join(t), &Options{Root: vehicle(), Started: func(int) { cancel() }})
		if err != nil || len(report.Topics) != 16 {
			t.Fatalf("%+v, %v", report, err)
		}
	})
	t.Run("while waiting for subscribers", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := join(t)
		sub, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer cancel()
			if err := sub.WaitPublishers(ctx, 16); err != nil {
				t.Error(err)
			}
		}()
		report, err := Run(ctx, p, &Options{Root: vehicle(), Subscribers: 2})
		if err != nil || report.Messages != 0 {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}
