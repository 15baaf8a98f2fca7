package service

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

// A message is refused or read within its bytes, and what is read is what was written.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{})
	f.Add(encoded(Header{Number: 1<<slotBits | 3, Deadline: 7, Kind: KindCall}, "value"))
	f.Add(append(encoded(Header{Kind: KindError, Code: -3}, ""), describe("text", []byte("value"))...))
	f.Add(encoded(Header{Kind: KindError}, "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, value, err := ParseHeader(b)
		if err != nil {
			return
		}
		if h.Kind < KindCall || h.Kind > KindClosed || len(value) != len(b)-HeaderSize || cap(value) != len(value) {
			t.Fatalf("%+v with %d bytes of a value, of %d bytes", h, len(value), len(b))
		}
		var again [HeaderSize]byte
		h.put(again[:])
		if got, _, err := ParseHeader(again[:]); err != nil || got != h {
			t.Fatalf("%+v is read as %+v, %v", h, got, err)
		}
		text, own, err := ParseFailure(value)
		if err == nil && !bytes.Equal(describe(text, own), value) {
			t.Fatalf("an error's description %q is read as %q and %q", value, text, own)
		}
		if errorOf(h, value, "service", registry.Participant{}) == nil {
			t.Fatalf("%+v stands for no error", h)
		}
	})
}

// A control message is refused, or names a slot that can be.
func FuzzControl(f *testing.F) {
	f.Add([]byte{})
	f.Add(control{slot: helloSlot, requests: 3, number: 16}.bytes())
	f.Add(control{slot: helloSlot + 1}.bytes())
	f.Add(control{slot: 5, requests: 3, number: 1<<slotBits | 5, credit: 8, cancelled: 1}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parseControl(b)
		if !ok {
			return
		}
		if c.slot > helloSlot {
			t.Fatalf("slot %d", c.slot)
		}
		if got, ok := parseControl(c.bytes()); !ok || got != c {
			t.Fatalf("%+v is read as %+v, %t", c, got, ok)
		}
	})
}

// An announcement is refused, or has the right name and limits within those of every server.
func FuzzAnnouncement(f *testing.F) {
	for _, d := range []Description{{}, {Name: "echo", Key: 1 << 63, Serving: true, Concurrency: 1, MaxCalls: maxMaxCalls}, {Name: "echo", Concurrency: 1, MaxCalls: maxMaxCalls + 1}, {Name: "other", Concurrency: 1, MaxCalls: 1}} {
		b, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"Name":"echo","MaxCalls":1e99}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseAnnouncement(b, "echo")
		if err != nil {
			return
		}
		if d.Name != "echo" || d.MaxCalls < 1 || d.MaxCalls > maxMaxCalls || d.Concurrency < 1 {
			t.Fatalf("%+v", d)
		}
		again, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseAnnouncement(again, "echo"); err != nil || !reflect.DeepEqual(got, d) {
			t.Fatalf("%+v is read as %+v, %v", d, got, err)
		}
	})
}
