package codec

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

const name = "perf/codec"

// Play is the role of the process that does everything.
func Play(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "codec", play) }

func play(ctx context.Context, at *stage.Post[Order]) (any, error) {
	switch at.Order.Value {
	case Small:
		return measure(ctx, at, imu())
	case Large:
		return measure(ctx, at, objects())
	}
	return nil, fmt.Errorf("there is no value %q", at.Order.Value)
}

// A library is what programs that have no bus use.
type library struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

func choose[T any](encoding string) (library, serde.Codec[T], error) {
	switch encoding {
	case CBOR:
		return library{cbor.Marshal, cbor.Unmarshal}, serde.CBOR[T](), nil
	case MsgPack:
		return library{msgpack.Marshal, msgpack.Unmarshal}, serde.MsgPack[T](), nil
	}
	return library{}, nil, fmt.Errorf("there is no encoding %q", encoding)
}

// measure brings a value from here to there in every way.
func measure[T any](ctx context.Context, at *stage.Post[Order], v T) (any, error) {
	o := at.Order
	lib, codec, err := choose[T](o.Encoding)
	if err != nil {
		return nil, err
	}
	pub, err := topic.NewPublisher(at.Participant, name, &topic.PublisherOptions[T]{Codec: codec})
	if err != nil {
		return nil, err
	}
	sub, err := topic.NewSubscriber(at.Participant, name, &topic.SubscriberOptions[T]{Codec: codec})
	if err != nil {
		return nil, err
	}
	// All ways take the value from v and leave it in out, which is on the heap once and empty before each.
	var zero T
	out := new(T)
	alone := func() error {
		b, err := lib.marshal(&v)
		if err != nil {
			return err
		}
		*out = zero
		return lib.unmarshal(b, out)
	}
	encoder, decoder, buf := codec.Encoder(), codec.Decoder(), []byte(nil)
	serde := func() (err error) {
		if buf, err = encoder.Append(buf[:0], v); err != nil {
			return err
		}
		*out = zero
		return decoder.Decode(buf, out)
	}
	bus := func() error {
		if _, err := pub.Publish(ctx, v); err != nil {
			return err
		}
		s, ok := sub.TryReceive()
		if !ok {
			return errors.New("what was published is not there")
		}
		var err error
		*out, err = s.Value()
		s.Release()
		return err
	}
	for _, way := range []func() error{alone, serde, bus} {
		if err := way(); err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(*out, v) {
			return nil, fmt.Errorf("%s made %v of %v", o.Encoding, *out, v)
		}
	}
	r := Result{Bytes: len(buf)}
	before, err := usage.Now()
	if err != nil {
		return nil, err
	}
	for range 1 + o.Rounds { // the first warms everything up
		var round Round
		if round.Alone, err = repeat(ctx, o, alone); err != nil {
			return nil, err
		}
		if round.Serde, err = repeat(ctx, o, serde); err != nil {
			return nil, err
		}
		if round.Bus, err = repeat(ctx, o, bus); err != nil {
			return nil, err
		}
		r.Rounds = append(r.Rounds, round)
	}
	after, err := usage.Now()
	r.Rounds, r.Usage = r.Rounds[1:], after.Since(before)
	return r, err
}
