package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// indexedFile writes messages of several channels with log times in almost any order, in chunks of a few messages.
func indexedFile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, &WriterOptions{ChunkSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	w.AddMetadata("m", map[string]string{"k": "v"})
	var channels []*Channel
	for i := range 4 {
		ch, err := w.AddChannel(Channel{Topic: fmt.Sprint("t", i), Encoding: "raw"})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		ch := channels[rng.IntN(3)]
		if i > 80 {
			ch = channels[3]
		}
		at := uint64(1000 + 10*i + rng.IntN(100))
		if err := w.Write(&Message{Channel: ch, Sequence: uint32(i), LogTime: at, PublishTime: at, Data: []byte(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inOrder(t *testing.T, p *Plan, from uint64) string {
	t.Helper()
	var s strings.Builder
	for m, err := range p.InOrderFrom(from, func(int) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		if m.LogTime >= from {
			fmt.Fprint(&s, m.LogTime, m.Channel.Topic, string(m.Data), " ")
		}
	}
	return s.String()
}

func TestIndexedPlan_IsLikeAPlan(t *testing.T) {
	file := indexedFile(t)
	for name, keep := range map[string]func(*Channel) bool{"all": nil, "t1": func(c *Channel) bool { return c.Topic == "t1" }, "t3": func(c *Channel) bool { return c.Topic == "t3" }, "none": func(*Channel) bool { return false }} {
		p, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, keep)
		if err != nil || p.Damage != nil {
			t.Fatal(err, p.Damage)
		}
		i, ok, err := NewIndexedPlan(bytes.NewReader(file), int64(len(file)), nil, keep)
		if err != nil || !ok {
			t.Fatal(name, ok, err)
		}
		if i.Messages != p.Messages || i.First != p.First || i.Span != p.Span || i.Start > p.Start || i.End < p.End || len(i.Channels) != len(p.Channels) || !i.Stats.Closed {
			t.Errorf("%s: %+v, want %+v", name, i, p)
		}
		for k, c := range i.Channels {
			if w := p.Channels[k]; c.Messages != w.Messages || c.First > w.First || c.Last < w.Last || c.Largest < w.Largest || c.Topic != w.Topic {
				t.Errorf("%+v, want %+v", c, w)
			}
		}
		for _, from := range []uint64{0, 1500, 1900, 1 << 40} {
			if got, want := inOrder(t, i, from), inOrder(t, p, from); got != want || len(i.Stats.Metadata) != len(p.Stats.Metadata) {
				t.Errorf("%s from %d: %.200s, want %.200s", name, from, got, want)
			}
		}
		if i.Unread() != nil {
			t.Error(i.Unread())
		}
		narrow := i.Narrow(func(c *Channel) bool { return c.Topic == "t3" })
		if got := inOrder(t, narrow, 0); name == "all" && (strings.Count(got, "t3") != 19 || strings.Count(got, " ") != 19 || len(narrow.blocks) >= len(i.blocks)/2) {
			t.Errorf("%d blocks of %d: %.200s", len(narrow.blocks), len(i.blocks), got)
		}
	}
}

// An index that lacks something is not used; damage in a chunk costs that chunk.
func TestIndexedPlan_Damage(t *testing.T) {
	file := indexedFile(t)
	whole, ok, err := NewIndexedPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	count := strings.Count(inOrder(t, whole, 0), " ")
	used, lossy := 0, 0
	for at := range file {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x55
		p, ok, err := NewIndexedPlan(bytes.NewReader(damaged), int64(len(damaged)), nil, nil)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if !ok {
			continue
		}
		used++
		n := 0
		for _, err := range p.InOrder() {
			if err != nil {
				t.Fatalf("byte %d: %v", at, err)
			}
			n++
		}
		if n < count && p.Unread() == nil {
			t.Fatalf("byte %d: %d messages of %d and nothing said", at, n, count)
		}
		if n < count {
			lossy++
		}
	}
	if used < len(file)/3 || lossy == 0 {
		t.Errorf("the index was used %d times, of %d bytes; %d times with loss", used, len(file), lossy)
	}
	for n := range len(file) - 1 {
		if _, ok, _ := NewIndexedPlan(bytes.NewReader(file), int64(n), nil, nil); ok {
			t.Fatalf("an index is used of %d bytes", n)
		}
	}
}
