package record

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func TestAttribution_RangesOfSequenceNumbers(t *testing.T) {
	a := newAttribution()
	for _, m := range []mcapfile.Metadata{
		{Name: publishersName, Values: map[string]string{
			"s.0:5":    `{"publisher":"a.1","sequence":5,"unit":"u","executable":"/x","pid":7}`,
			"s.0:1000": `{"publisher":"b.1","sequence":1}`,
			"s.1:5":    `{"publisher":"c.1","sequence":5000000000}`,
		}},
		{Name: "of another tool", Values: map[string]string{"s.0:6": "{"}},
		{Name: publishersName, Values: map[string]string{"s.0:100": `{"publisher":"a.1","sequence":42}`, "s.0:2000": `{"publisher":"","sequence":0}`}},
		{Name: endedName, Values: map[string]string{"b.1": "18446744073709551615"}},
	} {
		if err := a.add(m); err != nil {
			t.Fatal(err)
		}
	}
	channel := func(stream string) *mcapfile.Channel {
		return &mcapfile.Channel{Metadata: map[string]string{keyStream: stream}}
	}
	s0, s1, unknown := channel("s.0"), channel("s.1"), channel("s.2")
	old := &mcapfile.Channel{Metadata: map[string]string{keyPublisher: "d.1", keyUnit: "v", keyExecutable: "/y"}}
	foreign := new(mcapfile.Channel)
	for _, c := range []struct {
		channel  *mcapfile.Channel
		sequence uint32
		id       string
		own      uint64
	}{
		{s0, 5, "a.1", 5}, {s0, 99, "a.1", 99}, {s0, 100, "a.1", 42}, {s0, 999, "a.1", 941}, {s0, 1000, "b.1", 1}, {s0, 1999, "b.1", 1000},
		{s0, 4, "", 4}, {s0, 2000, "", 0}, {s0, 1<<32 - 1, "", 1<<32 - 1 - 2000},
		{s1, 6, "c.1", 5000000001}, {unknown, 9, "", 9}, {old, 9, "d.1", 9}, {foreign, 9, "", 9},
	} {
		p, own := a.publisher(&mcapfile.Message{Channel: c.channel, Sequence: c.sequence})
		if p.ID != c.id || own != c.own {
			t.Errorf("message %d: publisher %q, number %d; want %q, %d", c.sequence, p.ID, own, c.id, c.own)
		}
		if q, _ := a.publisher(&mcapfile.Message{Channel: c.channel, Sequence: c.sequence}); p != q {
			t.Errorf("message %d is of two publishers", c.sequence)
		}
	}
	p, _ := a.publisher(&mcapfile.Message{Channel: s0, Sequence: 5})
	if q, _ := a.publisher(&mcapfile.Message{Channel: s0, Sequence: 100}); p != q || p.Unit != "u" || p.Executable != "/x" || p.PID != 7 || p.Ended != 0 {
		t.Errorf("%+v, %+v", p, q)
	}
	if p, _ := a.publisher(&mcapfile.Message{Channel: s0, Sequence: 1000}); p.Ended != 1<<64-1 {
		t.Errorf("%+v", p)
	}
	if p, _ := a.publisher(&mcapfile.Message{Channel: old}); p.Unit != "v" || p.Executable != "/y" {
		t.Errorf("%+v", p)
	}
	one, _ := a.publisher(&mcapfile.Message{Channel: unknown})
	if two, _ := a.publisher(&mcapfile.Message{Channel: foreign}); one == two {
		t.Error("two channels have one publisher")
	}
}

func TestAttribution_RecordsThatMakeNoSense(t *testing.T) {
	for _, m := range []mcapfile.Metadata{
		{Name: publishersName, Values: map[string]string{"s.0": `{}`}},
		{Name: publishersName, Values: map[string]string{"s.0:-1": `{}`}},
		{Name: publishersName, Values: map[string]string{"s.0:4294967296": `{}`}},
		{Name: publishersName, Values: map[string]string{"s.0:1": `{"sequence":-1}`}},
		{Name: publishersName, Values: map[string]string{"s.0:1": `[`}},
		{Name: endedName, Values: map[string]string{"a.1": "soon"}},
	} {
		a := newAttribution()
		if err := a.add(m); err == nil {
			t.Errorf("%v was accepted", m)
		}
		// The rest is read all the same.
		if p, n := a.publisher(&mcapfile.Message{Channel: &mcapfile.Channel{Metadata: map[string]string{keyStream: "s.0"}}, Sequence: 3}); p == nil || p.ID != "" || n != 3 {
			t.Errorf("%v: %+v, %d", m, p, n)
		}
	}
}

// Ranges are found in whatever order they are declared between the messages, of equal ones the first.
func TestAttribution_RangesInAnyOrder(t *testing.T) {
	const n = 2000
	for name, from := range map[string]func(i int) int{
		"ascending": func(i int) int { return i }, "descending": func(i int) int { return n - i }, "any": func(int) int { return rand.IntN(n) },
	} {
		s, want := new(recordedStream), make(map[uint64]uint64)
		for i := range n {
			r := sequenceRange{from: uint64(10 * from(i)), sequence: uint64(i)}
			s.add(r)
			if _, known := want[r.from]; !known {
				want[r.from] = r.sequence
			}
			at := uint64(rand.IntN(10*n + 20))
			best, any := uint64(0), false
			for from := range want {
				if from <= at && (!any || from > best) {
					best, any = from, true
				}
			}
			if got := s.find(at); any != (got != nil) || any && (got.from != best || got.sequence != want[best]) {
				t.Fatalf("%s: %d is in %+v, want %d", name, at, got, best)
			}
		}
	}
}

// The time for a file that declares its ranges in descending order between its messages grows with their number, not with its square.
func TestAttribution_ManyDescendingRanges(t *testing.T) {
	a := newAttribution()
	c := &mcapfile.Channel{Metadata: map[string]string{keyStream: "s"}}
	begin := time.Now()
	for from := uint32(500_000); from > 0; from-- {
		if err := a.addRange(fmt.Sprintf("s:%d", from), `{"publisher":"a.1"}`); err != nil {
			t.Fatal(err)
		}
		if p, _ := a.publisher(&mcapfile.Message{Channel: c, Sequence: from}); p.ID != "a.1" {
			t.Fatalf("%+v", p)
		}
		if from%1000 == 0 && time.Since(begin) > time.Minute {
			t.Fatalf("%d ranges are left after a minute", from)
		}
	}
}
