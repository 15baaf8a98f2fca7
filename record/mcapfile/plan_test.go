package mcapfile

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func compareTimes(a, b uint64) int { return cmp.Compare(a, b) }

// withTimes returns a file whose messages have these log times.
func withTimes(t testing.TB, times []uint64, chunk int) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: chunk})
	if err != nil {
		t.Fatal(err)
	}
	var channels []*Channel
	for _, topic := range []string{"a", "b", "c"} {
		ch, err := w.AddChannel(Channel{Topic: topic})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	for i, at := range times {
		if err := w.Write(&Message{Channel: channels[i%3], LogTime: at, Sequence: uint32(i), Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func planned(t testing.TB, p *Plan) []line {
	t.Helper()
	var lines []line
	for m, err := range p.InOrder() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, lineOf(&m))
	}
	return lines
}

func TestPlan_TimesOfChannels(t *testing.T) {
	file := withTimes(t, []uint64{50, 20, 7, 10, 30, 90, 40, 25, 60}, 0)
	p, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, func(c *Channel) bool { return c.Topic != "c" })
	if err != nil {
		t.Fatal(err)
	}
	if p.Start != 10 || p.End != 50 || p.Span != 90-7 || len(p.Channels) != 2 {
		t.Errorf("%+v", p)
	}
	if a, b := p.Channels[0], p.Channels[1]; a.First != 10 || a.Last != 50 || b.First != 20 || b.Last != 30 {
		t.Errorf("%+v, %+v", a, b)
	}
	empty := withTimes(t, nil, 0)
	if p, err := NewPlan(bytes.NewReader(empty), int64(len(empty)), nil, nil); err != nil || p.Span != 0 {
		t.Errorf("an empty file spans %d, %v", p.Span, err)
	}
}

func TestPlan_OrderByLogTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func(i int) uint64{
		"in order":  func(i int) uint64 { return uint64(i * 10) },
		"all equal": func(int) uint64 { return 7 },
		"backwards": func(i int) uint64 { return uint64(5000 - i) },
		"random":    func(int) uint64 { return rng.Uint64N(300) },
		"late stragglers": func(i int) uint64 {
			if i%50 == 49 {
				return uint64(i - 45)
			}
			return uint64(i)
		},
	}
	for name, at := range orders {
		t.Run(name, func(t *testing.T) {
			var times []uint64
			for i := range 1000 {
				times = append(times, at(i))
			}
			file := withTimes(t, times, 500)
			want, _ := readAllOf(t, file, nil)
			slices.SortStableFunc(want, func(a, b line) int { return compareTimes(a.LogTime, b.LogTime) })
			for _, c := range []struct{ open, block uint64 }{{0, 0}, {1, 0}, {3000, 0}, {0, 100}, {1, 100}, {500, 30}} { // 1: a single block at a time is in memory
				open, block := c.open, c.block
				p, err := NewPlan(bytes.NewReader(file), int64(len(file)), &Limits{open: open, block: block}, nil)
				if err != nil || p.Damage != nil {
					t.Fatal(err, p.Damage)
				}
				if diff := gocmp.Diff(want, planned(t, p)); diff != "" {
					t.Fatalf("with %d bytes open: %s", open, diff)
				}
				if p.Messages != 1000 || p.Start != want[0].LogTime || p.End != want[999].LogTime {
					t.Errorf("%d messages from %d to %d", p.Messages, p.Start, p.End)
				}
			}
		})
	}
}

func TestPlan_KeepsSelectedChannels(t *testing.T) {
	file := withTimes(t, []uint64{1, 2, 3, 4, 5, 6, 7}, 0)
	p, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, func(c *Channel) bool { return c.Topic == "b" })
	if err != nil {
		t.Fatal(err)
	}
	lines := planned(t, p)
	if len(p.Channels) != 1 || p.Channels[0].Topic != "b" || p.Messages != 2 || len(lines) != 2 {
		t.Errorf("%+v, %d messages, %v", p.Channels, p.Messages, lines)
	}
	if p.Start != 2 || p.End != 5 {
		t.Errorf("from %d to %d, want 2 to 5", p.Start, p.End)
	}
}

func TestPlan_FileThatChanges(t *testing.T) {
	file := withTimes(t, []uint64{1, 2, 3, 4, 5, 6, 7}, 0)
	p, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(file[20:])
	var last error
	for _, err := range p.InOrder() {
		last = err
	}
	if last == nil {
		t.Error("no error")
	}
}
