package main

import (
	"testing"
	"time"
)

func TestRecorder_MessagesOutOfOrder(t *testing.T) {
	b := make([]byte, headSize)
	t1 := &recorder{options: options{duration: time.Second}}
	for _, c := range []struct {
		number uint64
		end    bool
		ok     bool
	}{{1, false, true}, {2 | last, true, true}, {4, false, false}} {
		setHead(b, 0, c.number)
		if end, err := t1.take(nil, b); end != c.end || (err == nil) != c.ok {
			t.Errorf("message %x: got %v, %v", c.number, end, err)
		}
	}
	if _, err := t1.take(nil, b[:headSize-1]); err == nil {
		t.Error("a message without a whole stamp was taken")
	}
}

func TestRecorder_PercentilesOfDelays(t *testing.T) {
	d := &recorder{options: options{rate: 1}}
	for i := range int64(100) {
		d.delays = append(d.delays, 100-i)
	}
	if r := d.result(); r["count"] != 100 || r["p50_ns"] != 51 || r["p99_ns"] != 100 {
		t.Errorf("got %v", r)
	}
}
