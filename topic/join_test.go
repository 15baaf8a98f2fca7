package topic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// textStamp takes a text as a stamp in nanoseconds.
func textStamp(s Sample[string]) (time.Time, error) {
	text, err := s.Value()
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(0, n), err
}

func stamped(sub *Subscriber[string]) JoinInput[string] {
	return JoinInput[string]{Subscriber: sub, Stamp: textStamp}
}

func join2(t testing.TB, a, b JoinInput[string], opts *JoinOptions) *Join2[string, string] {
	t.Helper()
	j, err := NewJoin2(a, b, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.Close()
		j.core.done.Wait() // no goroutine stays
	})
	return j
}

// patient are options of a test for which samples that wait in a busy machine are not too old.
func patient() *JoinOptions { return &JoinOptions{MaxWait: -1} }

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	t.Cleanup(cancel)
	return ctx
}

func wantPair(t testing.TB, j *Join2[string, string], a, b string) {
	t.Helper()
	set, err := j.Receive(within(t))
	if err != nil {
		t.Fatalf("waiting for %s and %s: %v", a, b, err)
	}
	defer set.Release()
	va, _ := set.A.Value()
	vb, _ := set.B.Value()
	if va != a || vb != b {
		t.Fatalf("got %s and %s, want %s and %s", va, vb, a, b)
	}
}

// accounted checks the sums and returns the counters.
func accounted(t testing.TB, s JoinStats) []JoinInputStats {
	t.Helper()
	for i, in := range s.Inputs {
		if in.Received != in.Used+in.Waiting+in.Dropped() || in.Used != s.Sets {
			t.Errorf("input %d of %d sets: %+v", i, s.Sets, in)
		}
	}
	return s.Inputs
}

func TestJoin2_TimeOfPublishing(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	j := join2(t, JoinInput[string]{Subscriber: subA}, JoinInput[string]{Subscriber: subB}, &JoinOptions{Tolerance: time.Hour, MaxWait: -1})
	send(t, a, "1")
	send(t, b, "2")
	send(t, b, "3") // not nearer
	send(t, a, "4")
	set, err := j.Receive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if va, _ := set.A.Value(); va != "1" && va != "4" {
		t.Errorf("A is %q", va)
	}
	if d := time.Duration(set.B.Stamp() - set.A.Stamp()).Abs(); d != set.Spread {
		t.Errorf("the stamps differ by %v, the spread is %v", d, set.Spread)
	}
	set.Release()
	if set.A.Bytes() != nil || set.B.Bytes() != nil {
		t.Error("the samples are not released")
	}
}

// An input without a function has wall-clock time if another input has one.
func TestJoin2_HeaderStampAndTimeOfPublishing(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	j := join2(t, JoinInput[string]{Subscriber: subA, Stamp: func(Sample[string]) (time.Time, error) { return time.Now(), nil }},
		JoinInput[string]{Subscriber: subB, MinInterval: 10 * time.Hour}, &JoinOptions{Tolerance: time.Hour, MaxWait: -1})
	send(t, b, "published")
	send(t, a, "stamped")
	send(t, a, "stamped later")
	set, err := j.Receive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if set.Spread > long {
		t.Errorf("spread %v", set.Spread)
	}
	set.Release()
}

func TestJoin3_DropsAreReported(t *testing.T) {
	p := join(t, domain(t))
	var pubs []*Publisher[string]
	var in []JoinInput[string]
	for _, name := range []string{"a", "b", "c"} {
		in = append(in, stamped(subscriber(t, p, name, &SubscriberOptions[string]{Lossless: true})))
		pubs = append(pubs, publisher[string](t, p, name, nil))
	}
	drops := make(chan JoinDrop, 100)
	j, err := NewJoin3(in[0], in[1], in[2], &JoinOptions{Dropped: func(d JoinDrop) { drops <- d }, MaxWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	send(t, pubs[0], "not a stamp")
	for i, stamps := range []string{"10 20 30", "10 15 30", "10 20 30"} {
		for stamp := range strings.FieldsSeq(stamps) {
			send(t, pubs[i], stamp)
		}
	}
	var sets []string
	for set, err := range j.Sets(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		a, _ := set.A.Value()
		b, _ := set.B.Value()
		c, _ := set.C.Value()
		if sets = append(sets, a+b+c); a == "30" {
			break
		}
	}
	if !slices.Equal(sets, []string{"101010", "303030"}) {
		t.Errorf("sets %v", sets)
	}
	found := map[string]JoinDrop{}
	for range 4 {
		select {
		case d := <-drops:
			found[fmt.Sprint(d.Topic, " ", d.Sequence, " ", d.Reason)] = d
		case <-within(t).Done():
			t.Fatalf("only %v were dropped", found)
		}
	}
	if d := found["a 1 no stamp"]; !errors.Is(d.Err, strconv.ErrSyntax) || !d.Stamp.IsZero() || d.Input != 0 || d.Publisher != pubs[0].ID() {
		t.Errorf("%+v", d)
	}
	if d := found["b 2 no partner"]; d.Input != 1 || d.Stamp != time.Unix(0, 15) {
		t.Errorf("%+v", d)
	}
	for _, name := range []string{"a 3 no partner", "c 2 no partner"} {
		if _, ok := found[name]; !ok {
			t.Errorf("%s is not among %v", name, found)
		}
	}
	stats := accounted(t, j.Stats())
	if stats[0].NoStamp != 1 || stats[0].Received != 4 || stats[2].Used != 2 {
		t.Errorf("%+v", stats)
	}
	send(t, pubs[1], "40")
	for ctx := within(t); j.Stats().Inputs[1].Waiting == 0 && ctx.Err() == nil; {
		time.Sleep(100 * time.Microsecond)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if d := <-drops; d.Reason != JoinClosed || d.Stamp != time.Unix(0, 40) {
		t.Errorf("%+v", d)
	}
	for _, i := range in {
		if held := i.Subscriber.Stats().Held; held != 0 {
			t.Errorf("%d samples are held", held)
		}
	}
	j.core.done.Wait()
}

// The sets of a join are those of its matcher, whatever the goroutines do, and lossless subscribers lose nothing to it.
func TestJoin3_RandomStreams(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	p := join(t, domain(t))
	for round := range 20 {
		var streams [][]int64
		for len(streams) != 3 {
			streams = randomStreams(rnd, 1)
		}
		for i := range streams {
			streams[i] = append(streams[i], 1000+int64(i)) // ends the sets before
		}
		expected := allSets(streams, 5)
		var in [3]JoinInput[string]
		var together sync.WaitGroup
		for i := range in {
			name := fmt.Sprint("t/", round, "/", i)
			in[i] = stamped(subscriber(t, p, name, &SubscriberOptions[string]{Lossless: true}))
			pub := publisher(t, p, name, &PublisherOptions[string]{Depth: 2})
			together.Go(func() {
				for _, stamp := range streams[i] {
					if _, err := pub.Publish(t.Context(), fmt.Sprint(stamp)); err != nil {
						t.Error(err)
					}
				}
				pub.Close()
			})
		}
		j, err := NewJoin3(in[0], in[1], in[2], &JoinOptions{Tolerance: 5, MaxWait: -1})
		if err != nil {
			t.Fatal(err)
		}
		for n := range expected[:len(expected)-1] { // the last one waits for what may be nearer
			set, err := j.Receive(within(t))
			if err != nil {
				t.Fatal(err)
			}
			a, _ := set.A.Value()
			b, _ := set.B.Value()
			c, _ := set.C.Value()
			want := fmt.Sprint(streams[0][expected[n][0]], streams[1][expected[n][1]], streams[2][expected[n][2]])
			if got := strings.Join([]string{a, b, c}, " "); got != want {
				t.Fatalf("streams %v: set %d is %s, want %s", streams, n, got, want)
			}
			set.Release()
		}
		together.Wait()
		accounted(t, j.Stats())
		j.Close()
		for i, s := range accounted(t, j.Stats()) {
			if s.QueueFull+s.WaitExpired+s.OutOfOrder+s.StampReset+s.NoStamp != 0 {
				t.Errorf("input %d: %+v", i, s)
			}
			in[i].Subscriber.Close()
		}
		j.core.done.Wait()
	}
}

// A slow application does not make the join drop what has a partner.
func TestJoin2_SlowReceiverMakesLosslessPublishersWait(t *testing.T) {
	p := join(t, domain(t))
	in := [2]JoinInput[string]{}
	const n = 500
	for i, name := range []string{"a", "b"} {
		in[i] = stamped(subscriber(t, p, name, &SubscriberOptions[string]{Lossless: true}))
		pub := publisher[string](t, p, name, nil)
		go func() {
			for k := range n {
				pub.Publish(t.Context(), fmt.Sprint(k))
			}
		}()
	}
	j := join2(t, in[0], in[1], &JoinOptions{QueueSize: 3, MaxWait: -1})
	for k := range n {
		wantPair(t, j, fmt.Sprint(k), fmt.Sprint(k))
	}
	for i, s := range accounted(t, j.Stats()) {
		if s.Used != n || s.Dropped() != 0 {
			t.Errorf("input %d: %+v", i, s)
		}
	}
}

func TestJoin2_StreamThatStops(t *testing.T) {
	p := join(t, domain(t))
	a := publisher[string](t, p, "a", nil)
	subA, subB := subscriber[string](t, p, "a", nil), subscriber[string](t, p, "b", nil)
	drops := make(chan JoinDrop, 10)
	j := join2(t, stamped(subA), stamped(subB), &JoinOptions{MaxWait: time.Millisecond, Dropped: func(d JoinDrop) { drops <- d }})
	send(t, a, "1") // its wait ends although nothing else arrives and no Receive waits
	if d := <-drops; d.Reason != WaitExpired || d.Topic != "a" {
		t.Errorf("%+v", d)
	}
	accounted(t, j.Stats())
}

func TestJoin2_SetThatCouldBecomeBetter(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	j := join2(t, stamped(subscriber[string](t, p, "a", nil)), stamped(subscriber[string](t, p, "b", nil)), &JoinOptions{Tolerance: 10, MaxWait: time.Hour})
	send(t, a, "5")
	send(t, b, "3")
	waiting(t, j, 1, 1)
	j.core.mu.Lock()
	j.core.match.maxWait = 1 // as if an hour had passed
	j.core.mu.Unlock()
	j.core.onTimer()
	wantPair(t, j, "5", "3")
	accounted(t, j.Stats())
}

// waiting waits until so many samples wait.
func waiting(t testing.TB, j *Join2[string, string], a, b uint64) {
	t.Helper()
	for ctx := within(t); ; time.Sleep(100 * time.Microsecond) {
		s := j.Stats()
		if s.Inputs[0].Waiting == a && s.Inputs[1].Waiting == b {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%+v", s)
		}
	}
}

func TestJoin_OptionsThatAreNotValid(t *testing.T) {
	p := join(t, domain(t))
	a, b := subscriber[string](t, p, "a", nil), subscriber(t, p, "b", &SubscriberOptions[string]{MaxHeld: 10})
	one := subscriber(t, p, "c", &SubscriberOptions[string]{MaxHeld: 2})
	for _, c := range []struct {
		a, b JoinInput[string]
		opts *JoinOptions
		text string
	}{
		{JoinInput[string]{Subscriber: a}, JoinInput[string]{}, nil, "input 1 has no Subscriber"},
		{stamped(a), stamped(a), nil, `"a", is also that of another input`},
		{stamped(a), stamped(one), nil, `"c": MaxHeld of the subscriber is 2, must be at least 3`},
		{stamped(a), JoinInput[string]{Subscriber: b, MinInterval: -1}, nil, `MinInterval of input 1, "b", is -1ns`},
		{stamped(a), stamped(b), &JoinOptions{Tolerance: -1}, "Tolerance is -1ns"},
		{stamped(a), stamped(b), &JoinOptions{QueueSize: -1}, "QueueSize is -1, must be from 1 to 958"},
		{stamped(a), stamped(b), &JoinOptions{QueueSize: 959}, "must be from 1 to 958"},
		{stamped(a), stamped(b), &JoinOptions{QueueSize: 9}, `QueueSize is 9, must be at most 8: MaxHeld of the subscriber of input 1, "b", is 10`},
	} {
		if j, err := NewJoin2(c.a, c.b, c.opts); j != nil || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("want %q: %v", c.text, err)
		}
	}
	if j := join2(t, stamped(a), stamped(b), &JoinOptions{QueueSize: 8, MaxWait: 1<<63 - 1}); j.core.match.maxWait != 0 {
		t.Error("a long MaxWait is not without limit")
	}
}

func TestJoin_StampOutOfRange(t *testing.T) {
	p := join(t, domain(t))
	a := publisher[string](t, p, "a", nil)
	times := make(chan time.Time, 2)
	times <- time.Time{}
	times <- time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	drops := make(chan JoinDrop, 2)
	join2(t, JoinInput[string]{Subscriber: subscriber[string](t, p, "a", nil), Stamp: func(Sample[string]) (time.Time, error) { return <-times, nil }},
		stamped(subscriber[string](t, p, "b", nil)), &JoinOptions{Dropped: func(d JoinDrop) { drops <- d }})
	for range 2 {
		send(t, a, "")
		if d := <-drops; d.Reason != NoStamp || d.Err == nil {
			t.Errorf("%+v", d)
		}
	}
}

func TestJoin2_AllocatesNothing(t *testing.T) {
	p := join(t, domain(t))
	a, b := publisher[[]byte](t, p, "a", nil), publisher[[]byte](t, p, "b", nil)
	var n atomic.Int64
	now := func(Sample[[]byte]) (time.Time, error) { return time.Unix(0, n.Load()), nil }
	j, err := NewJoin2(JoinInput[[]byte]{Subscriber: subscriber[[]byte](t, p, "a", nil), Stamp: now},
		JoinInput[[]byte]{Subscriber: subscriber[[]byte](t, p, "b", nil), Stamp: now}, patient())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx, payload := within(t), make([]byte, 1000)
	thousand := func() {
		for range 1000 {
			n.Add(1)
			a.Publish(ctx, payload)
			b.Publish(ctx, payload)
			set, err := j.Receive(ctx)
			if err != nil {
				panic(err)
			}
			set.Release()
		}
	}
	thousand()
	before := allocatedBelow(t, "topic.(*joinCore).run")
	n1 := allocations(t, thousand)
	n2 := allocatedBelow(t, "topic.(*joinCore).run") - before
	const few = 20 // the runtime makes records of waiting goroutines anew after each collection
	if n1 > few || n2 > few {
		t.Errorf("1000 sets: Receive allocates %d times, the goroutines of the join %d times", n1, n2)
	}
}

// An input has the samples of all publishers that its subscriber's pattern matches.
func TestJoin2_SeveralPublishers(t *testing.T) {
	p := join(t, domain(t))
	left, right, b := publisher[string](t, p, "a/left", nil), publisher[string](t, p, "a/right", nil), publisher[string](t, p, "b", nil)
	j := join2(t, stamped(subscriber[string](t, p, "a/*", nil)), stamped(subscriber[string](t, p, "b", nil)), patient())
	send(t, left, "1")
	send(t, left, "3")
	send(t, right, "2")
	send(t, right, "4")
	waiting(t, j, 4, 0)
	for _, stamp := range []string{"1", "2", "3", "4"} {
		send(t, b, stamp)
		wantPair(t, j, stamp, stamp)
	}
}
