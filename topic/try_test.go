package topic

import (
	"errors"
	"os"
	"testing"
)

// Both calls tell that there is no sample from an error that keeps samples from being received.
func TestSubscriber_TryReceiveAndLatestErrors(t *testing.T) {
	for name, try := range map[string]func(*Subscriber[string]) (Sample[string], bool, error){
		"TryReceive": (*Subscriber[string]).TryReceive,
		"Latest":     (*Subscriber[string]).Latest,
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			pub := publisher[string](t, a, "x", nil)
			sub := subscriber(t, b, "x", &SubscriberOptions[string]{MaxHeld: 1})
			if _, ok, err := try(sub); ok || err != nil {
				t.Fatalf("without a sample: %v, error %v", ok, err)
			}
			send(t, pub, "1")
			held, ok, err := try(sub)
			if !ok || err != nil {
				t.Fatalf("first sample: %v, error %v", ok, err)
			}
			send(t, pub, "2")
			var limit *LimitError
			if _, ok, err := try(sub); ok || !errors.As(err, &limit) || limit.Limit != 1 {
				t.Errorf("with MaxHeld samples held: %v, error %v", ok, err)
			}
			held.Release()
			next, ok, err := try(sub)
			if v, _ := next.Value(); !ok || err != nil || v != "2" {
				t.Errorf("second sample: %q, %v, error %v", v, ok, err)
			}
			next.Release()
			if err := sub.Close(); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := try(sub); ok || !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Close: %v, error %v", ok, err)
			}
		})
	}
}
