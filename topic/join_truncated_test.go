//go:build linux

package topic

import (
	"testing"
	"time"
)

// A function for the stamp that reads a truncated payload in place ends with the sample, not with the program.
func TestJoin_StampOfTruncatedPayload(t *testing.T) {
	p := join(t, domain(t))
	pub, cut := cutting[[]byte](t, p, "t/cut")
	whole := publisher[[]byte](t, p, "t/whole", nil)
	other := publisher[[]byte](t, p, "other", nil)
	drops := make(chan JoinDrop, 10)
	first := true
	stamp := func(s Sample[[]byte]) (time.Time, error) {
		if first {
			first = false
			cut()
		}
		b := s.Bytes()
		return time.Unix(int64(b[len(b)-1]), 0), nil
	}
	j, err := NewJoin2(JoinInput[[]byte]{Subscriber: subscriber[[]byte](t, p, "t/*", nil), Stamp: stamp},
		JoinInput[[]byte]{Subscriber: subscriber[[]byte](t, p, "other", nil), Stamp: func(Sample[[]byte]) (time.Time, error) { return time.Unix(7, 0), nil }},
		&JoinOptions{MaxWait: -1, Dropped: func(d JoinDrop) { drops <- d }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	send(t, pub, make([]byte, 50000))
	if d := <-drops; d.Reason != NoStamp || !isCut(d.Err) || d.Topic != "t/cut" {
		t.Errorf("%+v", d)
	}
	payload := make([]byte, 50000)
	payload[len(payload)-1] = 7
	send(t, whole, payload)
	send(t, other, []byte{})
	set, err := j.Receive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if set.A.Topic() != "t/whole" || set.Spread != 0 {
		t.Errorf("topic %s, spread %v", set.A.Topic(), set.Spread)
	}
	set.Release()
}
