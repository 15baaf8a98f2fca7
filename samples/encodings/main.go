// Encodings publishes the same pose, image and point cloud in every encoding that shmbus knows, ten times a second, on the topics
// encodings/<encoding>/pose, .../image and .../points.
//
//	go run ./samples/encodings                     all encodings
//	go run ./samples/encodings protobuf cdr        these
//	go run ./samples/encodings -count 1 -list      what there is
//
// "shmmon echo 'encodings/*/pose'" shows that they have the same values. Each file of this folder has one encoding, or several that
// are used alike: it is what an application writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A sender publishes an observation on three topics.
type sender func(context.Context, observation) error

// encodings makes the senders by the name of the encoding.
func encodings() map[string]func(context.Context, *topic.Participant) (sender, error) {
	return map[string]func(context.Context, *topic.Participant) (sender, error){
		"raw": rawSender, "string": stringSender,
		"json": jsonSender, "cbor": cborSender, "msgpack": msgpackSender,
		"protobuf": protobufSender, "cdr": cdrSender,
		"plain": plainSender, "flatbuffer": flatbuffersSender, "capnproto": capnprotoSender,
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var wrong *usageError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, flag.ErrHelp):
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, "encodings:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "encodings:", err)
		os.Exit(1)
	}
}

// A usageError is an error of the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("encodings", flag.ContinueOnError)
	flags.SetOutput(stderr)
	count := flags.Int("count", 0, "end after so many of each; 0: go on until interrupted")
	list := flags.Bool("list", false, "print the names of the encodings and end")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &usageError{err.Error()}
	}
	if *count < 0 {
		return &usageError{fmt.Sprintf("-count is %d, must not be negative", *count)}
	}
	known := encodings()
	names := slices.Sorted(maps.Keys(known))
	if *list {
		fmt.Fprintln(stdout, strings.Join(names, "\n"))
		return nil
	}
	chosen := names
	if flags.NArg() > 0 {
		chosen = flags.Args()
	}
	for _, name := range chosen {
		if known[name] == nil {
			return &usageError{fmt.Sprintf("there is no encoding %q, but %s", name, strings.Join(names, ", "))}
		}
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	var senders []sender
	for _, name := range chosen {
		send, err := known[name](ctx, p)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", name, err)
		}
		senders = append(senders, send)
	}
	return publish(ctx, senders, *count)
}

// publish sends ten observations a second.
func publish(ctx context.Context, senders []sender, count int) error {
	next := time.NewTicker(time.Second / 10)
	defer next.Stop()
	for n := 0; ; n++ {
		s := observationAt(time.Now(), n)
		for _, send := range senders {
			if err := send(ctx, s); err != nil {
				return err
			}
		}
		if n+1 == count {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
		}
	}
}

// newPublisher makes a publisher whose newest sample also reaches programs that subscribe later.
func newPublisher[T any](ctx context.Context, p *topic.Participant, name string, codec serde.Codec[T]) (*topic.Publisher[T], error) {
	return topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[T]{Codec: codec, Latched: true})
}

// newSender makes the publishers of one encoding. convert makes the values that their codecs take.
func newSender[P, I, C any](ctx context.Context, p *topic.Participant, pose serde.Codec[P], image serde.Codec[I], points serde.Codec[C],
	convert func(observation) (P, I, C)) (sender, error) {
	folder := "encodings/" + pose.Type().Encoding
	poses, err := newPublisher(ctx, p, folder+"/pose", pose)
	if err != nil {
		return nil, err
	}
	images, err := newPublisher(ctx, p, folder+"/image", image)
	if err != nil {
		return nil, err
	}
	clouds, err := newPublisher(ctx, p, folder+"/points", points)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s observation) error {
		pose, image, cloud := convert(s)
		_, err1 := poses.Publish(ctx, pose)
		_, err2 := images.Publish(ctx, image)
		_, err3 := clouds.Publish(ctx, cloud)
		return errors.Join(err1, err2, err3)
	}, nil
}
