package workload

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

func runCodec(ctx context.Context, w *harness.Worker[Codec]) (any, error) {
	switch w.Request.Value {
	case SmallValue:
		return measureCodec(ctx, w, newIMU())
	case LargeValue:
		return measureCodec(ctx, w, newObjects())
	}
	return nil, fmt.Errorf("there is no value %q", w.Request.Value)
}

// A codecLibrary is the functions of a serialization library.
type codecLibrary struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

func codecFor[T any](encoding string) (codecLibrary, serde.Codec[T], error) {
	switch encoding {
	case CBOR:
		return codecLibrary{cbor.Marshal, cbor.Unmarshal}, serde.CBOR[T](), nil
	case MsgPack:
		return codecLibrary{msgpack.Marshal, msgpack.Unmarshal}, serde.MsgPack[T](), nil
	}
	return codecLibrary{}, nil, fmt.Errorf("there is no encoding %q", encoding)
}

// measureCodec passes a value on in every way.
func measureCodec[T any](ctx context.Context, w *harness.Worker[Codec], v T) (any, error) {
	o := w.Request
	lib, codec, err := codecFor[T](o.Encoding)
	if err != nil {
		return nil, err
	}
	pub, err := topic.NewPublisher(ctx, w.Participant, codecTopic, &topic.PublisherOptions[T]{Codec: codec})
	if err != nil {
		return nil, err
	}
	sub, err := topic.NewSubscriber(ctx, w.Participant, codecTopic, &topic.SubscriberOptions[T]{Codec: codec})
	if err != nil {
		return nil, err
	}
	// All ways read the value from v and write it to out, which is allocated once and zeroed before each.
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
		s, ok, err := sub.TryReceive()
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("what was published is not there")
		}
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
	r := CodecResult{Bytes: len(buf)}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	for range 1 + o.Rounds { // the first round is the warm-up
		var round CodecRound
		if round.Alone, err = o.repeat(ctx, alone); err != nil {
			return nil, err
		}
		if round.Serde, err = o.repeat(ctx, serde); err != nil {
			return nil, err
		}
		if round.Bus, err = o.repeat(ctx, bus); err != nil {
			return nil, err
		}
		r.Rounds = append(r.Rounds, round)
	}
	after, err := measure.ReadUsage()
	r.Rounds, r.Usage = r.Rounds[1:], after.Since(before)
	return r, err
}
